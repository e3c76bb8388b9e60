"""Deep Think with Confidence (Fu et al. 2025, arXiv 2508.15260)."""

from typing import Annotated

from tts_core.confidence import MEASURES
from tts_core.filtering import FILTERS, parse_filter
from tts_core.model import Plan, Request, Strategy
from tts_core.registry import Bounds, Checked, FromBudget, OneOf, strategy
from tts_core.strategies.deepconf_online import deepconf_online
from tts_core.voting import cast_vote

DEFAULT_WARMUP = 16


def default_warmup(budget: int) -> int:
    """Half of the budget, 16 at most (the paper's N_init)."""
    return min(DEFAULT_WARMUP, (budget + 1) // 2)


Warmup = Annotated[
    int | None,
    Bounds(1),
    FromBudget(default_warmup),
    "online: warm-up traces; by default half, 16 at most",
]


@strategy("deepconf", paper="Fu et al. 2025, arXiv 2508.15260", needs=("logprobs",))
def deepconf(
    request: Request,
    *,
    mode: Annotated[
        str,
        OneOf(("offline", "online")),
        "offline: filter and weigh finished traces; online: stop weak ones as they are written",
    ] = "offline",
    budget: Annotated[int, Bounds(1), "traces in all"] = 8,
    filter_method: Annotated[
        str, Checked(parse_filter, FILTERS), "offline: which traces may vote"
    ] = "top5",
    confidence: Annotated[str, OneOf(tuple(MEASURES)), "confidence of a trace"] = "lowest_group",
    warmup: Warmup = None,
    warmup_mode: Annotated[
        str, OneOf(("sync", "async")), "online: async starts all traces at once (faster, saves less)"
    ] = "sync",
    eta: Annotated[
        float, Bounds(1, 99), "online: percentage of warm-up traces kept (90 high, 10 low)"
    ] = 90,
    consensus: Annotated[float, Bounds(0.5, 1), "online: the leader's share that ends sampling"] = 0.95,
) -> Strategy:
    """Let the most confident traces vote, weighed by confidence (sections 3.2 and 3.3)."""
    if mode == "online":
        return (
            yield from deepconf_online(
                request,
                budget=budget,
                warmup=min(budget, warmup or default_warmup(budget)),
                eta=eta,
                consensus=consensus,
                confidence=confidence,
                ahead=warmup_mode == "async",
            )
        )
    round_ = yield Plan((request.sampling,) * budget)
    return cast_vote(round_.traces, MEASURES[confidence], parse_filter(filter_method), weighted=True)
