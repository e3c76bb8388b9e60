"""Self-consistency (Wang et al. 2022, arXiv 2203.11171)."""

from typing import Annotated

from tts_core.confidence import MEASURES
from tts_core.filtering import keep_all
from tts_core.model import Plan, Request, Strategy
from tts_core.registry import Bounds, strategy
from tts_core.voting import cast_vote


@strategy("self_consistency", paper="Wang et al. 2022, arXiv 2203.11171")
def self_consistency(
    request: Request, *, budget: Annotated[int, Bounds(1), "traces in all"] = 8
) -> Strategy:
    """Sample many traces and take the answer that most of them reach."""
    round_ = yield Plan((request.sampling,) * budget)
    return cast_vote(round_.traces, MEASURES["mean"], keep_all, weighted=False)
