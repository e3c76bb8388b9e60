"""How a run ended: with a vote, or with what stood in the way of one."""

import time
from collections.abc import Sequence

from tts_core.errors import ChorusError, DeadlinePassed, InvalidRequest, NoAnswer
from tts_core.model import Fault, Trace, Vote, Why
from workers.accounting import saved_tokens, total_usage, warnings_of
from workers.costs import total_cost
from workers.records import Ending, Run
from workers.rules import rules_of

UPDATED = "The service was updated while this run went on; its last steps follow the new rules."


def ending_of(
    run: Run, traces: Sequence[Trace], *, vote: Vote | None = None, fault: Fault | None = None
) -> Ending:
    """The ending of a run with the traces that count."""
    why = ended_by(run, vote)
    request = run.submission.request
    usage = total_usage(traces, run.unkept, run.plans)
    return Ending(
        vote=vote,
        fault=fault or fault_in(run, traces, why),
        why=why,
        usage=usage,
        cost=total_cost(usage, traces, run.unkept),
        saved_tokens=saved_tokens(request, traces),
        traces=tuple(traces),
        rounds=len(run.closings),
        elapsed_s=time.time() - run.submission.created_s,
        upstream_s=sum(slowest(run, number) for number in range(len(run.closings))),
        warnings=(*warnings_of(request, traces), *run.notes, *updated(run)),
        strategy=request.strategy,
    )


def updated(run: Run) -> tuple[str, ...]:
    """A word on rules that changed on the way."""
    return (UPDATED,) if run.rules not in ("", rules_of(run.submission.request.strategy)) else ()


def ended_by(run: Run, vote: Vote | None) -> Why:
    """What ended the sampling: the last round's reason, or the strategy's own consensus."""
    why = run.closings[-1].why if run.closings else run.stop or Why.COMPLETE
    return Why.CONSENSUS if why is Why.COMPLETE and vote is not None and vote.decided else why


def slowest(run: Run, number: int) -> float:
    """How long the slowest trace of a round took, in seconds; those that were taken over took none."""
    return max((t.elapsed_s for t in run.closed_traces(number) if t.attempts), default=0.0)


def fault_in(run: Run, traces: Sequence[Trace], why: Why) -> Fault | None:
    """Why the run has no answer to give; None when it has one."""
    request = run.submission.request
    traces = [trace for trace in traces if not trace.judge]
    usable = [trace for trace in traces if trace.usable]
    if usable and request.require_logprobs and not any(trace.confidence for trace in usable):
        return fault_of(
            InvalidRequest(
                "The upstream gave no usable logprobs for this model, which tts_require_logprobs asks for.",
                param="tts_require_logprobs",
                code="logprobs_unavailable",
            )
        )
    if len(usable) >= max(1, request.limits.min_traces):
        return None
    faults = [trace.fault for trace in traces if trace.fault]
    if faults and not usable and why is Why.COMPLETE:
        return faults[0]
    return fault_of(too_few(len(usable), request.limits.min_traces, why))


def too_few(usable: int, needed: int, why: Why) -> NoAnswer:
    """The run ended before it had the traces it needed."""
    kind = DeadlinePassed if why is Why.DEADLINE else NoAnswer
    return kind(f"The run ended ({why.value}) with {usable} usable traces; {max(1, needed)} are needed.")


def fault_of(error: ChorusError) -> Fault:
    """An error as a value that can be kept."""
    return Fault(type(error).__name__, error.message, param=error.param, code=error.code)
