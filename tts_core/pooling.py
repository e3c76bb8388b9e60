"""A strategy played over a pool of traces that were sampled before: nothing is asked of a model.

Plans are served in sampling order. What a strategy would have stopped counts as stopped: a trace that
falls below `stop_below`, and, once a plan's `until` holds, all that would still have run. For that all
traces of a plan are taken to have started at once, to be written evenly and to end after the time that
each had taken. A stopped trace has the tokens that it would have come to by then.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tts_core.confidence import group_confidences, trace_confidence
from tts_core.errors import InvalidRequest
from tts_core.estimating import agreeing, disagreeing, play
from tts_core.extending import asks_the_same
from tts_core.model import Finish, Plan, Request, Round, Sampling, Trace, Vote, Why
from tts_core.run import Past, advance
from tts_core.stopping import met
from tts_core.tracing import DEFAULT_WINDOW_TOKENS


@dataclass(frozen=True, slots=True)
class Revote:
    """What a strategy made of a pool: its vote, the traces as it saw them, what ended its last round.
    `unfinished` counts those that had not come to an end of their own when they were sampled; `elapsed_s`
    is the time of the slowest trace of each round, one round after the other."""

    vote: Vote
    traces: tuple[Trace, ...]
    rounds: int
    why: Why
    unfinished: int
    elapsed_s: float


def revote(request: Request, pool: Sequence[Trace]) -> Revote:
    """Play the request's strategy over `pool`, in its order. Traces may carry their token confidences,
    and are then measured by the group size that the strategy asks for.

    A plan that asks for more than is left gets what is left as its last round. Raises InvalidRequest
    for a strategy that would ask the model something else, StrategyFault for one that misbehaves.
    """
    history: list[Past] = []
    why = Why.COMPLETE
    left = list(pool)
    elapsed_s = 0.0
    while not isinstance(step := advance(request, history), Vote):
        check(step, request)
        size = len(step.samplings)
        traces, why = served(step, left[:size])
        history.append(Past(size, Round(traces, last=len(left) < size), step))
        elapsed_s += max(map(ended_s, left, traces), default=0.0)
        left = left[size:]
    seen = tuple(trace for past in history for trace in past.round.traces)
    if why is Why.COMPLETE and step.decided:
        why = Why.CONSENSUS
    return Revote(
        vote=step,
        traces=tuple(replace(trace, token_confidences=()) for trace in seen),
        rounds=len(history),
        why=why,
        unfinished=sum(not trace.usable for trace in pool[: len(seen)]),
        elapsed_s=elapsed_s,
    )


def check(plan: Plan, request: Request) -> None:
    """Refuse a plan that asks what the pool's traces were not asked. Raises InvalidRequest."""
    if not all(asks_the_same(sampling, request.sampling) for sampling in plan.samplings):
        raise not_replayable(request)


def check_replayable(request: Request) -> None:
    """Refuse a strategy that asks something else as soon as traces agree, or disagree; for that it is
    played in imagined worlds, before there is a pool. Raises InvalidRequest."""
    for world in (agreeing, disagreeing):
        for plan in play(request, world).plans:
            check(plan, request)


def not_replayable(request: Request) -> InvalidRequest:
    """What keeps a strategy from a pool."""
    return InvalidRequest(
        f"{request.strategy!r} asks the model further questions, which stored traces cannot answer.",
        param="tts_strategy",
        code="strategy_not_replayable",
    )


def served(plan: Plan, traces: Sequence[Trace]) -> tuple[tuple[Trace, ...], Why]:
    """A plan's traces as they would have ended under it, in sampling order, and what closed the round."""
    # The pool may end before the plan does.
    judged = [judge(sampling, trace) for sampling, trace in zip(plan.samplings, traces, strict=False)]
    if plan.until is None:
        return tuple(judged), Why.COMPLETE
    ended: list[Trace] = []
    running = sorted(judged, key=lambda trace: (trace.elapsed_s, trace.index))
    why: Why | None = None
    while running and why is None:
        ended.append(running.pop(0))
        why = met(plan.until, ended) if ended[-1].usable else None
    end_s = ended[-1].elapsed_s if ended else 0.0
    cut = [stopped(trace, why, tokens_by(trace, end_s)) for trace in running if why]
    return tuple(sorted([*ended, *cut], key=lambda trace: trace.index)), why or Why.COMPLETE


def judge(sampling: Sampling, trace: Trace) -> Trace:
    """A trace measured by the group size of its plan, and stopped where the plan would have done so:
    only a full group can fall below `stop_below` (DeepConf, Alg. 2)."""
    window, confidences = sampling.window_tokens or DEFAULT_WINDOW_TOKENS, trace.token_confidences
    if confidences:
        trace = replace(trace, confidence=trace_confidence(confidences, window))
    if not sampling.keep_confidences:
        trace = replace(trace, token_confidences=())
    least = trace.confidence.lowest_group if trace.confidence else None
    if sampling.stop_below is None or least is None or trace.tokens < window:
        return trace
    if least >= sampling.stop_below:
        return trace
    return stopped(trace, Why.THRESHOLD, tokens_before(confidences, window, sampling.stop_below))


def tokens_before(confidences: Sequence[float], window: int, threshold: float) -> int | None:
    """How long a trace is (tokens) when a full group falls below the threshold (nats); None when its token
    confidences were not kept."""
    if len(confidences) < window:
        return None
    return window + int(np.argmax(group_confidences(confidences, window) < threshold))


def tokens_by(trace: Trace, at_s: float) -> int:
    """How long a trace is after `at_s`, written evenly from its first token to its end."""
    first_s = trace.first_token_s or 0.0
    if trace.elapsed_s <= first_s:
        return trace.tokens
    share = (at_s - first_s) / (trace.elapsed_s - first_s)
    return round(trace.tokens * min(1.0, max(0.0, share)))


def ended_s(before: Trace, seen: Trace) -> float:
    """When a trace ended as its plan saw it, the reverse of `tokens_by`."""
    first_s = before.first_token_s or 0.0
    if seen.tokens >= before.tokens:
        return before.elapsed_s
    return first_s + (before.elapsed_s - first_s) * seen.tokens / before.tokens


def stopped(trace: Trace, why: Why, tokens: int | None) -> Trace:
    """The trace without the end that it would not have come to; `tokens` is how far it came, if known."""
    if not trace.usable:
        return trace
    came_to = trace.tokens if tokens is None else min(tokens, trace.tokens)
    return replace(trace, finish=Finish.STOPPED, stop=why, answer=None, tokens=came_to)
