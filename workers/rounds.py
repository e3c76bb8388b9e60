"""A run, round by round: the strategy is asked, its plan published as a chord, its traces collected.

Every step may be taken twice, by a redelivered message or by a deadline racing the chord: what is
decided is decided once, in Redis.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import redis
from kombu.exceptions import OperationalError

from tts_core.confidence import trace_confidence
from tts_core.errors import ChorusError, DeadlinePassed, InvalidRequest, NoAnswer
from tts_core.model import Fault, Plan, Round, Trace, Vote, Why
from tts_core.run import Past, advance
from tts_core.stopping import met
from workers.accounting import saved_tokens, total_usage, warnings_of
from workers.records import Closing, Ending, Run, StoredPlan
from workers.runs import Runs

GRACE_S = 0.15
log = logging.getLogger(__name__)
LAST = frozenset({Why.DEADLINE, Why.CANCELLED, Why.TOKEN_CAP})

Publish = Callable[[str, int, StoredPlan], None]


class Rounds:
    """Moves runs forward. `publish` sends a round's traces to the workers."""

    def __init__(self, runs: Runs, publish: Publish) -> None:
        self.runs = runs
        self.publish = publish

    @contextmanager
    def at_stake(self, run_id: str) -> Iterator[None]:
        """A bug met on the way ends the run, so that nobody waits for what will never come."""
        try:
            yield
        except (redis.RedisError, OperationalError):
            raise
        except Exception:
            fault = Fault("InternalFault", "The service had an internal error in this run.")
            self.runs.end(run_id, Ending(fault=fault), self.runs.inbox(run_id))
            raise

    def step(self, run_id: str) -> None:
        """Ask the strategy what is next and do it: publish a round, or end the run."""
        run = self.runs.load(run_id)
        try:
            step = advance(run.submission.request, self.history(run_id, run))
        except ChorusError as error:
            log.exception("run %s: its strategy failed", run_id)
            self.end(run_id, run, fault=fault_of(error))
            return
        if isinstance(step, Plan):
            self.proceed(run_id, run, step)
        elif run.is_open:
            self.recall(run_id, run)
        else:
            self.end(run_id, run, vote=step)

    def recall(self, run_id: str, run: Run) -> None:
        """Close the round that was started ahead and is not wanted any more; its traces are paid for."""
        number = len(run.closings)
        if run.is_full(number):
            self.close(run_id, number, Why.CONSENSUS)
        else:
            self.stop(run_id, Why.CONSENSUS, number)

    def proceed(self, run_id: str, run: Run, plan: Plan) -> None:
        """Publish the next round, or judge it by its plan when it was started ahead."""
        number = len(run.closings)
        stored = StoredPlan.of(plan.samplings, run.sampled_before(number), plan.until)
        if run.is_open:
            if number not in run.published:
                self.send(run_id, number, run.plans[number])
            if run.plans[number].ahead:
                stored = replace(stored, ahead=True)
                self.runs.record_guard(run_id, number, stored)
                self.stop_if_decided(run_id, number)
            if run.is_full(number):
                self.close(run_id, number, Why.COMPLETE)
            return
        self.open(run_id, number, stored)
        if plan.ahead:
            first = stored.first + len(stored.which)
            self.open(run_id, number + 1, replace(StoredPlan.of(plan.ahead, first), ahead=True))

    def open(self, run_id: str, number: int, plan: StoredPlan) -> None:
        """Start a round, once."""
        if self.runs.record_plan(run_id, number, plan):
            self.send(run_id, number, plan)

    def send(self, run_id: str, number: int, plan: StoredPlan) -> None:
        """Publish a round and write down that it was."""
        self.publish(run_id, number, plan)
        self.runs.record_published(run_id, number)

    def stop_if_decided(self, run_id: str, number: int) -> None:
        """Stop a round's other traces when its rule holds with those that have ended."""
        plan = self.runs.plan_in_force(run_id, number)
        if plan.until is None:
            return
        traces = self.judged(run_id, plan, self.runs.ended(run_id, plan))
        if why := met(plan.until, traces):
            self.stop(run_id, why, number)

    def judged(self, run_id: str, plan: StoredPlan, traces: list[Trace]) -> list[Trace]:
        """Traces that ended before their round had its group size, measured by it."""
        window = plan.samplings[0].window_tokens
        if not plan.ahead or window is None:
            return traces
        kept = self.runs.confidences(run_id, [trace.index for trace in traces])
        return [
            replace(trace, confidence=trace_confidence(kept[trace.index], window))
            if trace.index in kept
            else trace
            for trace in traces
        ]

    def close(self, run_id: str, number: int, why: Why) -> None:
        """Close a round with the traces that are kept, and go on."""
        run = self.runs.load(run_id)
        if number > len(run.closings):
            return
        if number == len(run.closings):
            kept = tuple(index for index in run.plans[number].indexes if index in run.traces)
            cut = len(kept) < len(run.plans[number].which) or any(run.traces[i].stop for i in kept)
            asked = run.stop or run.stops.get(number) or why
            reason = asked if cut or asked in LAST else Why.COMPLETE
            self.runs.record_closing(run_id, number, Closing(reason, kept))
        self.step(run_id)

    def stop(self, run_id: str, why: Why, number: int | None = None) -> None:
        """Stop the traces of a run or round; what does not end within the grace is closed then."""
        if self.runs.stop(run_id, why, number):
            self.runs.schedule(run_id, time.time() + GRACE_S)

    def look(self, run_id: str) -> None:
        """A run's time has come: stop it at its deadline, or close what was stopped a grace ago."""
        try:
            run = self.runs.load(run_id)
        except KeyError:
            run = None
        if run is None or self.runs.has_ended(run_id):
            self.runs.forget_deadline(run_id)
            return
        number = len(run.closings)
        stopped = run.stop or run.stops.get(number)
        if stopped is None and time.time() >= run.submission.deadline_s:
            self.stop(run_id, Why.DEADLINE)
            return
        self.runs.schedule(run_id, max(run.submission.deadline_s, time.time() + 1))
        if stopped and run.is_open:
            self.close(run_id, number, stopped)
        elif stopped:
            self.step(run_id)

    def history(self, run_id: str, run: Run) -> list[Past]:
        """The closed rounds as the strategy sees them."""
        return [
            Past(
                planned=len(run.plans[number].which),
                round=Round(self.seen(run_id, run, number), last=closing.why in LAST),
            )
            for number, closing in enumerate(run.closings)
        ]

    def seen(self, run_id: str, run: Run, number: int) -> tuple[Trace, ...]:
        """A closed round's traces, with every token's confidence where the strategy asked for it."""
        traces = run.closed_traces(number)
        if not any(sampling.keep_confidences for sampling in run.plans[number].samplings):
            return traces
        kept = self.runs.confidences(run_id, [trace.index for trace in traces])
        return tuple(replace(trace, token_confidences=kept.get(trace.index, ())) for trace in traces)

    def end(self, run_id: str, run: Run, *, vote: Vote | None = None, fault: Fault | None = None) -> None:
        """Write down how the run ended."""
        traces = run.all_traces()
        why = ended_by(run, vote)
        request = run.submission.request
        ending = Ending(
            vote=vote,
            fault=fault or fault_in(run, traces, why),
            why=why,
            usage=total_usage(traces),
            saved_tokens=saved_tokens(request, traces),
            traces=tuple(traces),
            rounds=len(run.closings),
            elapsed_s=time.time() - run.submission.created_s,
            upstream_s=sum(slowest(run, number) for number in range(len(run.closings))),
            warnings=warnings_of(request, traces),
        )
        self.runs.end(run_id, ending, run.submission.inbox)


def ended_by(run: Run, vote: Vote | None) -> Why:
    """What ended the sampling: the last round's reason, or the strategy's own consensus."""
    why = run.closings[-1].why if run.closings else run.stop or Why.COMPLETE
    return Why.CONSENSUS if why is Why.COMPLETE and vote is not None and vote.decided else why


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


def fault_of(error: ChorusError) -> Fault:
    """An error as a value that can be kept."""
    return Fault(type(error).__name__, error.message, param=error.param, code=error.code)
