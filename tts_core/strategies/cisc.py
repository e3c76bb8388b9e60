"""CISC: confidence-informed self-consistency (Taubenfeld et al. 2025, arXiv 2502.06233)."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated

import numpy as np

from tts_core.confidence import MEASURES
from tts_core.filtering import keep_all
from tts_core.model import Plan, Request, Strategy
from tts_core.registry import Bounds, OneOf, strategy
from tts_core.voting import cast_vote


@strategy("cisc", paper="Taubenfeld et al. 2025, arXiv 2502.06233", needs=("logprobs",))
def cisc(
    request: Request,
    *,
    budget: Annotated[int, Bounds(1), "traces in all"] = 8,
    confidence: Annotated[str, OneOf(tuple(MEASURES)), "confidence of a trace"] = "lowest_group",
    softmax_temperature: Annotated[
        float,
        Bounds(0.01, 1000),
        "so many nats more make a vote weigh e times as much; the higher, the nearer to a majority",
    ] = 1.0,
) -> Strategy:
    """Weigh each vote by the softmax of the confidences within the question."""
    round_ = yield Plan((request.sampling,) * budget)
    weigh = partial(softmax, temperature=softmax_temperature)
    return cast_vote(round_.traces, MEASURES[confidence], keep_all, weighted=True, weigh=weigh)


def softmax(confidences: Sequence[float], temperature: float) -> list[float]:
    """exp(c_i / T) / sum_j exp(c_j / T); (n,) nats -> (n,) weights that add up to 1, n >= 1.

    The highest confidence is subtracted first: no exponent is above 0, and the sum is 1 at least.
    """
    values = np.asarray(confidences, dtype=np.float64)
    powers = np.exp((values - values.max()) / temperature)
    return [float(weight) for weight in powers / powers.sum()]
