"""Deep Think with Confidence (Fu et al. 2025, arXiv 2508.15260)."""

from typing import Annotated

from tts_core.confidence import MEASURES
from tts_core.filtering import FILTERS, parse_filter
from tts_core.model import Plan, Request, Strategy
from tts_core.registry import Bounds, Checked, OneOf, strategy
from tts_core.voting import cast_vote


@strategy("deepconf", paper="Fu et al. 2025, arXiv 2508.15260", needs=("logprobs",))
def deepconf(
    request: Request,
    *,
    mode: Annotated[str, OneOf(("offline",)), "filter and weigh finished traces"] = "offline",  # noqa: ARG001 - its rule is its use
    budget: Annotated[int, Bounds(1), "traces in all"] = 8,
    filter_method: Annotated[str, Checked(parse_filter, FILTERS), "which traces may vote"] = "top5",
    confidence: Annotated[str, OneOf(tuple(MEASURES)), "confidence of a trace"] = "lowest_group",
) -> Strategy:
    """Keep the most confident traces and weigh their votes by confidence (section 3.2)."""
    round_ = yield Plan((request.sampling,) * budget)
    return cast_vote(round_.traces, MEASURES[confidence], parse_filter(filter_method), weighted=True)
