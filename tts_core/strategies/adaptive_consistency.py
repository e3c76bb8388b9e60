"""Adaptive-Consistency (Aggarwal et al. 2023, arXiv 2305.11860)."""

from dataclasses import replace
from typing import Annotated

from tts_core.confidence import MEASURES
from tts_core.filtering import keep_all
from tts_core.model import Plan, Request, Strategy, Until
from tts_core.registry import Bounds, strategy
from tts_core.stopping import leaders, stays_ahead
from tts_core.voting import cast_vote


@strategy("adaptive_consistency", paper="Aggarwal et al. 2023, arXiv 2305.11860")
def adaptive_consistency(
    request: Request,
    *,
    budget: Annotated[int, Bounds(1), "traces in all"] = 8,
    certainty: Annotated[
        float, Bounds(0.5, 1), "probability that the leader stays ahead at which sampling ends"
    ] = 0.95,
) -> Strategy:
    """Sample until the majority is all but certain, then stop the traces still running."""
    until = Until(beta=certainty, weighted=False, confidence="mean")
    round_ = yield Plan((request.sampling,) * budget, until)
    vote = cast_vote(round_.traces, MEASURES["mean"], keep_all, weighted=False)
    return replace(vote, decided=stays_ahead(*leaders(vote)) >= certainty)
