"""When a round may be closed early: the rules of `Until`, evaluated as traces come in."""

from collections.abc import Sequence
from math import comb

from tts_core.confidence import MEASURES
from tts_core.filtering import keep_all
from tts_core.model import Trace, Until, Vote, Why
from tts_core.voting import cast_vote


def met(until: Until, traces: Sequence[Trace]) -> Why | None:
    """Why the round may be closed now, given its traces that have ended; None when it may not."""
    if until.finished and sum(trace.usable for trace in traces) >= until.finished:
        return Why.COMPLETE
    if until.consensus is None and until.beta is None:
        return None
    vote = standing(until, traces)
    if until.consensus is not None and agreed(vote, until.consensus, until.votes):
        return Why.CONSENSUS
    if until.beta is not None and stays_ahead(*leaders(vote)) >= until.beta:
        return Why.CONSENSUS
    return None


def standing(until: Until, traces: Sequence[Trace]) -> Vote:
    """The vote as it stands."""
    voters = [trace for trace in (*until.before, *traces) if above(trace, until.at_least)]
    return cast_vote(voters, MEASURES[until.confidence], keep_all, weighted=until.weighted)


def above(trace: Trace, threshold: float | None) -> bool:
    """Whether a trace's lowest group confidence reaches the threshold (Alg. 2); without one, always."""
    if threshold is None:
        return True
    return trace.confidence is not None and trace.confidence.lowest_group >= threshold


def agreed(vote: Vote, consensus: float, votes: int = 3) -> bool:
    """The consensus stop: the winner's share of the weight, beta = V(a) / sum V >= tau (Alg. 2).

    With fewer than `votes` voters agreement means nothing (two of two is 1.0).
    """
    return len(vote.voters) >= votes and (vote.consensus or 0.0) >= consensus


def leaders(vote: Vote) -> tuple[int, int]:
    """The votes of the two most frequent answers."""
    first, second, *_ = [*sorted((found.votes for found in vote.classes), reverse=True), 0, 0]
    return first, second


def stays_ahead(first: int, second: int) -> float:
    """P(Beta(first + 1, second + 1) > 1/2): that the leader is the majority answer.

    Adaptive-Consistency (Aggarwal et al. 2023), in closed form: sum of C(n, k), k <= first, over
    2^n with n = first + second + 1.
    """
    total = first + second + 1
    favourable: int = sum(comb(total, k) for k in range(first + 1))
    return favourable / float(2**total)
