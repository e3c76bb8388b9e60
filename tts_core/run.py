"""The only place that knows a strategy is a generator: the history of rounds is its state."""

from collections.abc import Sequence
from dataclasses import dataclass

from tts_core.errors import ChorusError, ReplayDiverged, StrategyFault
from tts_core.model import Plan, Request, Round, Strategy, Vote
from tts_core.strategies import strategies


@dataclass(frozen=True, slots=True)
class Past:
    """A closed round: how many samplings its plan had, and what came back."""

    planned: int
    round: Round


def start(request: Request) -> Strategy:
    """A fresh generator of the request's strategy. Raises StrategyFault when it is gone."""
    registered = strategies().get(request.strategy)
    if registered is None:
        raise StrategyFault(f"the strategy {request.strategy!r} is no longer installed")
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
            if len(plan.samplings) != past.planned:
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


def vote_of(end: StopIteration, request: Request) -> Vote:
    """What the generator returned."""
    if not isinstance(end.value, Vote):
        raise StrategyFault(f"the strategy {request.strategy!r} ended without a vote")
    return end.value
