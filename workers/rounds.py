"""A run, round by round: the strategy is asked, its plan published as a chord, its traces collected.

Every step may be taken twice, by a redelivered message or by a deadline racing the chord: what is
decided is decided once, in Redis.
"""

import time
from collections.abc import Callable, Sequence

from tts_core.errors import ChorusError, DeadlinePassed, InvalidRequest, NoAnswer
from tts_core.model import Fault, Round, Trace, Vote
from tts_core.run import Past, advance
from workers.records import Closing, Ending, Run, StoredPlan, Why, total_usage
from workers.runs import Runs

GRACE_S = 0.25
LAST = frozenset({Why.DEADLINE, Why.CANCELLED, Why.TOKEN_CAP})

Publish = Callable[[str, int, StoredPlan], None]


class Rounds:
    """Moves runs forward. `publish` sends a round's traces to the workers."""

    def __init__(self, runs: Runs, publish: Publish) -> None:
        self.runs = runs
        self.publish = publish

    def step(self, run_id: str) -> None:
        """Ask the strategy what is next and do it: publish a round, or end the run."""
        run = self.runs.load(run_id)
        try:
            step = advance(run.submission.request, history_of(run))
        except ChorusError as error:
            self.end(run_id, run, fault=fault_of(error))
            return
        if isinstance(step, Vote):
            self.end(run_id, run, vote=step)
            return
        plan = StoredPlan.of(step, first=sum(len(past.which) for past in run.plans))
        if self.runs.record_plan(run_id, len(run.closings), plan):
            self.publish(run_id, len(run.closings), plan)

    def close(self, run_id: str, number: int, why: Why) -> None:
        """Close a round with the traces that are kept, and go on."""
        run = self.runs.load(run_id)
        if number == len(run.closings):
            kept = tuple(index for index in run.plans[number].indexes if index in run.traces)
            self.runs.record_closing(run_id, number, Closing(run.stop or why, kept))
        self.step(run_id)

    def stop(self, run_id: str, why: Why) -> None:
        """Stop the traces of a run; what does not end by itself within the grace is closed then."""
        if self.runs.stop(run_id, why):
            self.runs.schedule(run_id, time.time() + GRACE_S)

    def look(self, run_id: str) -> None:
        """A run's time has come: stop it, or close what was stopped a grace ago."""
        try:
            run = self.runs.load(run_id)
        except KeyError:
            self.runs.forget_deadline(run_id)
            return
        if run.stop is None:
            self.stop(run_id, Why.DEADLINE)
            return
        self.runs.forget_deadline(run_id)
        if len(run.plans) > len(run.closings):
            self.close(run_id, len(run.closings), run.stop)
        else:
            self.step(run_id)

    def end(self, run_id: str, run: Run, *, vote: Vote | None = None, fault: Fault | None = None) -> None:
        """Write down how the run ended."""
        traces = run.all_traces()
        why = run.closings[-1].why if run.closings else run.stop or Why.COMPLETE
        fault = fault or fault_in(run, traces, why)
        ending = Ending(
            vote=vote,
            fault=fault,
            why=why,
            usage=total_usage(traces),
            traces=tuple(traces),
            rounds=len(run.closings),
            elapsed_s=time.time() - run.submission.created_s,
            upstream_s=sum(slowest(run, number) for number in range(len(run.closings))),
            warnings=warnings_of(run, traces),
        )
        self.runs.end(run_id, ending, run.submission.inbox)


def history_of(run: Run) -> list[Past]:
    """The closed rounds as the strategy sees them."""
    return [
        Past(
            planned=len(run.plans[number].which),
            round=Round(run.closed_traces(number), last=closing.why in LAST),
        )
        for number, closing in enumerate(run.closings)
    ]


def slowest(run: Run, number: int) -> float:
    """How long the slowest trace of a round took, in seconds."""
    return max((trace.elapsed_s for trace in run.closed_traces(number)), default=0.0)


def fault_in(run: Run, traces: Sequence[Trace], why: Why) -> Fault | None:
    """Why the run has no answer to give; None when it has one."""
    request = run.submission.request
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


def warnings_of(run: Run, traces: Sequence[Trace]) -> tuple[str, ...]:
    """What the client should know of the traces, each once."""
    notes = dict.fromkeys(note for trace in traces for note in trace.notes)
    unreported = [trace.unreported for trace in traces if trace.unreported]
    if unreported:
        counted = f"{sum(unreported)} received tokens in {len(unreported)} traces"
        notes[f"The upstream gave no account of {counted}; they are not in `usage`."] = None
    return (*run.submission.request.warnings, *notes)


def fault_of(error: ChorusError) -> Fault:
    """An error as a value that can be kept."""
    return Fault(type(error).__name__, error.message, param=error.param, code=error.code)
