"""The only place that knows a strategy is a generator: the history of rounds is its state."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isclose

from tts_core.errors import ChorusError, ReplayDiverged, StrategyFault, StrategyGone
from tts_core.mixing import weighted_majority
from tts_core.model import Plan, Request, Round, Sampling, Strategy, Trace, Until, Vote
from tts_core.strategies import strategies


@dataclass(frozen=True, slots=True)
class Past:
    """A closed round: how many samplings its plan had, the plan itself (None: not known in full), and
    what came back."""

    planned: int
    round: Round
    plan: Plan | None = None


def start(request: Request) -> Strategy:
    """A fresh generator of the request's strategy. Raises StrategyGone when it is not installed."""
    registered = strategies().get(request.strategy)
    if registered is None:
        raise StrategyGone(f"the strategy {request.strategy!r} is no longer installed")
    return registered.play(request, **request.options)


def advance(request: Request, history: Sequence[Past]) -> Plan | Vote:
    """Replay `history` into a fresh strategy; its next plan, or its vote.

    Raises ReplayDiverged when a plan is not the recorded one, and StrategyFault for an empty plan
    one after the last round, or whatever else a strategy does wrong.
    """
    playing = start(request)
    try:
        plan = next(playing)
        for past in history:
            if not is_as_planned(plan, past):
                raise ReplayDiverged(f"the strategy {request.strategy!r} changed under a run")
            plan = playing.send(past.round)
    except StopIteration as end:
        return vote_of(end, request)
    except Exception as error:
        if isinstance(error, ChorusError):
            raise
        raise StrategyFault(f"the strategy {request.strategy!r} failed: {error!r}") from error
    if history and history[-1].round.last:
        raise StrategyFault(f"the strategy {request.strategy!r} went on after its last round")
    if not plan.samplings:
        raise StrategyFault(f"the strategy {request.strategy!r} asked for an empty round")
    return plan


def is_as_planned(plan: Plan, past: Past) -> bool:
    """Whether a replayed strategy asks for what it had asked for. Thresholds may differ in the last
    digits: they are computed anew, maybe by another processor."""
    if past.plan is None or len(plan.samplings) != past.planned:
        return len(plan.samplings) == past.planned
    pairs = {(id(a), id(b)): (a, b) for a, b in zip(plan.samplings, past.plan.samplings, strict=True)}
    return all(same_sampling(a, b) for a, b in pairs.values()) and same_rule(plan.until, past.plan.until)


def same_sampling(one: Sampling, other: Sampling) -> bool:
    """Whether two samplings are the same but for the last digits of the threshold."""
    return close(one.stop_below, other.stop_below) and one == replace(other, stop_below=one.stop_below)


def same_rule(one: Until | None, other: Until | None) -> bool:
    """Whether two rules are the same but for the last digits of the threshold."""
    if one is None or other is None:
        return one is other
    before = [trace.index for trace in one.before] == [trace.index for trace in other.before]
    alike = replace(other, at_least=one.at_least, before=one.before)
    return before and close(one.at_least, other.at_least) and one == alike


def close(one: float | None, other: float | None) -> bool:
    """Whether two thresholds (nats) are the same."""
    return one is other if one is None or other is None else isclose(one, other, rel_tol=1e-9)


def salvage(traces: Sequence[Trace], why: str) -> Vote:
    """The vote over what a run has whose strategy cannot go on: all usable traces, weighted by their
    mean confidence when they are of one model, with a warning that says `why`. Nobody wins when none is
    usable."""
    vote = weighted_majority([t for t in traces if not t.judge])
    return replace(vote, warnings=(*vote.warnings, f"The vote is over the traces at hand: {why}."))


def vote_of(end: StopIteration, request: Request) -> Vote:
    """What the generator returned."""
    if not isinstance(end.value, Vote):
        raise StrategyFault(f"the strategy {request.strategy!r} ended without a vote")
    return end.value
