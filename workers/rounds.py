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
from tts_core.errors import ChorusError, ReplayDiverged, StrategyGone
from tts_core.model import Fault, Plan, Round, Trace, Why
from tts_core.run import Past, advance, salvage
from tts_core.stopping import met
from workers.endings import ending_of, fault_of
from workers.equivalence import Equivalence
from workers.janitor import Janitor
from workers.logs import about, request_id
from workers.records import Closing, Ending, Run, StoredPlan, led, same_in
from workers.rules import rules_of
from workers.runs import GRACE_S, RunGone, Runs
from workers.telemetry import spans

LOOK_AGAIN_S = 10.0
SENDING_S = 5.0
log = logging.getLogger(__name__)
LAST = frozenset({Why.DEADLINE, Why.CANCELLED, Why.TOKEN_CAP})

Publish = Callable[[str, int, Sequence[int]], None]


class Rounds:
    """Moves runs forward. `publish` sends traces of a round to the workers."""

    def __init__(self, runs: Runs, publish: Publish, equivalence: Equivalence | None = None) -> None:
        self.runs = runs
        self.publish = publish
        self.equivalence = equivalence or Equivalence()
        self.janitor = Janitor(runs)

    @contextmanager
    def at_stake(self, run_id: str) -> Iterator[None]:
        """A bug met on the way ends the run, so that nobody waits for what will never come."""
        try:
            with about(run_id):
                yield
        except (redis.RedisError, OperationalError):
            raise
        except RunGone:
            log.info("run %s is gone", run_id)
        except Exception:
            fault = Fault("InternalFault", "The service had an internal error in this run.")
            self.abort(run_id, Ending(fault=fault))
            raise

    def step(self, run_id: str) -> None:
        """Ask the strategy what is next and do it: publish a round, or end the run."""
        run = self.runs.load(run_id)
        request_id.set(run.submission.request_id)
        try:
            step = advance(run.submission.request, self.history(run_id, run))
        except (ReplayDiverged, StrategyGone) as error:
            self.salvage(run_id, run, error)
            return
        except ChorusError as error:
            log.exception("run %s: its strategy failed", run_id)
            self.abort(run_id, ending_of(run, run.all_traces(), fault=fault_of(error)))
            return
        if isinstance(step, Plan):
            self.proceed(run_id, run, step)
        elif run.is_open:
            self.recall(run_id, run)
        else:
            self.end(run_id, ending_of(run, run.all_traces(), vote=step))

    def end(self, run_id: str, ending: Ending) -> None:
        """End a run, and tell of it once."""
        if self.runs.end(run_id, ending) and (told := spans()):
            told.run_ended(self.runs.store, run_id, ending)

    def abort(self, run_id: str, ending: Ending) -> None:
        """End a run whose traces may still be sampled."""
        self.end(run_id, ending)
        self.runs.stop(run_id, Why.CANCELLED)

    def salvage(self, run_id: str, run: Run, error: ChorusError) -> None:
        """End a run whose rules changed under it with the traces it has; no other rules are applied to
        the rounds that the old ones asked for."""
        log.error("run %s: %s", run_id, error.message)
        known = same_in(run.closings)
        traces = [led(trace, known) for _, trace in sorted(run.traces.items())]
        vote = salvage(traces, error.message)
        fault = None if vote.winners else fault_of(error)
        self.abort(run_id, ending_of(run, traces, vote=None if fault else vote, fault=fault))

    def recall(self, run_id: str, run: Run) -> None:
        """Close the round that was started ahead and is not wanted any more; its traces are paid for."""
        number = len(run.closings)
        if run.is_full(number):
            self.close(run_id, number, Why.CONSENSUS)
        else:
            self.runs.stop(run_id, Why.CONSENSUS, number)

    def proceed(self, run_id: str, run: Run, plan: Plan) -> None:
        """Publish the next round, or judge it by its plan when it was started ahead."""
        number = len(run.closings)
        stored = StoredPlan.of(plan.samplings, run.sampled_before(number), plan.until)
        if run.is_open:
            if number not in run.published:
                self.resend(run_id, run, number)
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
        if self.runs.record_plan(run_id, number, plan, time.time()):
            submission = self.runs.load(run_id).submission
            self.runs.rules(run_id, rules_of(submission.request.strategy))
            if submission.extends:  # traces that were taken over may have decided already
                self.stop_if_decided(run_id, number)
            self.send(run_id, number, plan)

    def send(self, run_id: str, number: int, plan: StoredPlan) -> None:
        """Publish a round and write down that it was."""
        self.runs.sending(run_id, number, time.time())
        self.publish(run_id, number, plan.indexes)
        self.runs.record_published(run_id, number)

    def stop_if_decided(self, run_id: str, number: int) -> None:
        """Stop a round's other traces when its rule holds with those that have ended."""
        plan = self.runs.plan_in_force(run_id, number)
        if plan.until is None:
            return
        same = self.runs.same(run_id, number)
        ended = [led(trace, same) for trace in self.runs.ended(run_id, plan)]
        traces = self.judged(run_id, plan, ended)
        if why := met(plan.until, traces):
            self.runs.stop(run_id, why, number)

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

    def resend(self, run_id: str, run: Run, number: int) -> None:
        """Publish a round whose publisher has died on the way; one may still be at it for a while."""
        if time.time() > run.sent_s.get(number, 0.0) + SENDING_S:
            self.send(run_id, number, run.plans[number])

    def collected(self, run_id: str, number: int) -> None:
        """A chord over traces of a round is through. It may have been one over those only that were
        missing: while others run the round stays open."""
        run = self.runs.load(run_id)
        if number < len(run.plans) and (run.is_full(number) or run.stop or number in run.stops):
            self.close(run_id, number, Why.COMPLETE)

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
            closing = self.equated(run, Closing(reason, kept))
            if self.runs.record_closing(run_id, number, closing) and (told := spans()):
                told.round_closed(self.runs.store, run_id, run, closing)
        self.step(run_id)

    def equated(self, run: Run, closing: Closing) -> Closing:
        """The closing with what its traces' answers mean, as far as that can be told by the deadline."""
        known = same_in(run.closings)
        traces = [led(run.traces[index], known) for index in closing.traces]
        found = [trace.answer.key for trace in traces if trace.answer and not trace.judge]
        left_s = run.submission.deadline_s - time.time()
        same, notes = self.equivalence.cluster(found, run.leaders, left_s)
        return replace(closing, same=same.leaders, notes=notes)

    def look(self, run_id: str) -> None:
        """A run's time has come: end what is due in it, and mend what a fault has left undone."""
        now_s = time.time()
        # Before the record is read: whoever stops the run meanwhile then has it looked at sooner.
        self.runs.postpone(run_id, now_s + LOOK_AGAIN_S)
        try:
            run = self.runs.load(run_id)
        except RunGone:
            run = None
        if run is None or self.runs.has_ended(run_id):
            self.runs.forget_deadline(run_id)
            self.janitor.forget(run_id)
            return
        if why := due(run, now_s):
            self.runs.stop(run_id, why)
            return
        self.runs.schedule(run_id, next_look_s(run, now_s))
        number = len(run.closings)
        stopped = run.stop or run.stops.get(number)
        if stopped and run.is_open:
            self.close(run_id, number, stopped)
        elif stopped or not run.is_open:
            self.take_up(run_id, run)
        else:
            self.mend(run_id, run)

    def take_up(self, run_id: str, run: Run) -> None:
        """Go on with a run that stands between two rounds; one that was never acknowledged is nobody's."""
        if run.acknowledged or run.plans or run.stop:
            self.step(run_id)

    def mend(self, run_id: str, run: Run) -> None:
        """Close rounds whose callback was lost, and publish again what was lost on its way."""
        for number in range(len(run.closings), len(run.plans)):
            if run.is_full(number):
                self.collected(run_id, number)
            elif number not in run.published:
                self.resend(run_id, run, number)
            elif lost := self.janitor.lost(run_id, run, number):
                log.warning("run %s round %d: %d traces were lost; sent again", run_id, number, len(lost))
                self.publish(run_id, number, lost)
                self.janitor.watch(run_id)
        self.janitor.look_soon(run_id)

    def history(self, run_id: str, run: Run) -> list[Past]:
        """The closed rounds as the strategy sees them."""
        return [
            Past(
                planned=len(run.plans[number].which),
                plan=self.runs.plan_in_force(run_id, number).judging,
                round=Round(self.seen(run_id, run, number), last=closing.why in LAST),
            )
            for number, closing in enumerate(run.closings)
        ]

    def seen(self, run_id: str, run: Run, number: int) -> tuple[Trace, ...]:
        """A closed round's traces, with their texts and every token's confidence where the strategy
        asked for them."""
        traces, plan = run.closed_traces(number), run.plans[number]
        indexes = [trace.index for trace in traces]
        if any(sampling.keep_confidences for sampling in plan.samplings):
            kept = self.runs.confidences(run_id, indexes)
            traces = tuple(replace(t, token_confidences=kept.get(t.index, ())) for t in traces)
        wanted = [index for index in indexes if plan.sampling(index).keep_text]
        if wanted:
            said = self.runs.texts(run_id, wanted)
            traces = tuple(replace(t, text=said[t.index].content) if t.index in said else t for t in traces)
        return traces


def due(run: Run, now_s: float) -> Why | None:
    """Why a run is to be stopped now: its deadline has passed, or nobody waits for it any more."""
    if run.stop:
        return None
    if now_s >= run.submission.deadline_s:
        return Why.DEADLINE
    abandoned = run.orphaned_s is not None and run.waiting <= 0 and now_s >= run.orphaned_s
    return Why.CANCELLED if abandoned else None


def next_look_s(run: Run, now_s: float) -> float:
    """When to look at a run again (epoch)."""
    times = [now_s + LOOK_AGAIN_S]
    if now_s < run.submission.deadline_s:
        times.append(run.submission.deadline_s)
    if run.orphaned_s is not None and run.waiting <= 0:
        times.append(max(now_s + GRACE_S, run.orphaned_s))
    return min(times)
