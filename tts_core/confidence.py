"""From log-probabilities to the confidence of a trace (DeepConf, arXiv 2508.15260, sections 2-3).

All values are in nats; higher is more certain. Nothing is rounded; everything is O(tokens).
"""

from collections.abc import Callable, Mapping, Sequence
from heapq import nlargest
from operator import attrgetter

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tts_core.model import Confidence, Trace

SENTINEL = -1000.0
ROUNDING = 1e-3
BOTTOM_SHARE = 0.1
RENEW_TOKENS = 2048

Floats = NDArray[np.float64]


def token_confidence(top_logprobs: Sequence[float], k: int = 20) -> float | None:
    """C_i = -mean of the k largest log-probabilities (Eq. 2).

    Entries <= -1000 are sentinels for minus infinity and are dropped, as NaN and what lies above 0 are.
    None when fewer than two are left, or when all are 0: no distribution has two certain tokens.
    """
    real = [logprob for logprob in top_logprobs if SENTINEL < logprob <= ROUNDING]
    if len(real) > k:
        real = nlargest(k, real)
    if len(real) < 2:
        return None
    total = sum(real)
    return -total / len(real) if total else None


def group_confidences(tokens: ArrayLike, window: int) -> Floats:
    """C_G: mean over every full window of `window` tokens, stride 1 (Eq. 4).

    Shape (n,) -> (n - window + 1,); a trace shorter than the window is one group. Raises ValueError
    on an empty trace or a window < 1.
    """
    values = np.asarray(tokens, dtype=np.float64)
    if window < 1 or not len(values):
        raise ValueError(f"no group of {window} among {len(values)} tokens")
    width = min(window, len(values))
    sums = np.concatenate(([0.0], np.cumsum(values)))
    return np.asarray((sums[width:] - sums[:-width]) / width)


def binned_confidences(tokens: ArrayLike, most: int = 120) -> tuple[int, tuple[float, ...]]:
    """The curve of a trace in at most `most` points, for a picture: the tokens per point, their means.

    All points but the last stand for equally many tokens; an empty trace has none.
    """
    values = np.asarray(tokens, dtype=np.float64)
    if not len(values):
        return 1, ()
    width = -(-len(values) // most)
    starts = np.arange(0, len(values), width)
    sizes = np.diff(np.append(starts, len(values)))
    return width, tuple((np.add.reduceat(values, starts) / sizes).tolist())


def mean_confidence(tokens: ArrayLike) -> float:
    """C_avg: mean over all tokens (Eq. 3)."""
    return float(np.mean(np.asarray(tokens, dtype=np.float64)))


def tail_confidence(tokens: ArrayLike, window: int) -> float:
    """C_tail: mean over the last `window` tokens (Eq. 7)."""
    return mean_confidence(np.asarray(tokens, dtype=np.float64)[-window:])


def bottom_confidence(groups: Floats, share: float = BOTTOM_SHARE) -> float:
    """C_bottom: mean of the lowest `share` of the groups, of one at least (Eq. 5)."""
    count = max(1, int(len(groups) * share))
    return float(np.mean(np.partition(groups, count - 1)[:count]))


def lowest_group(groups: Floats) -> float:
    """C_least: the lowest group confidence (Eq. 6)."""
    return float(groups.min())


def trace_confidence(tokens: ArrayLike, window: int) -> Confidence | None:
    """All four measures of one trace; None for a trace without a single token confidence."""
    if not np.size(np.asarray(tokens)):
        return None
    groups = group_confidences(tokens, window)
    return Confidence(
        mean=mean_confidence(tokens),
        tail=tail_confidence(tokens, window),
        bottom10=bottom_confidence(groups),
        lowest_group=lowest_group(groups),
    )


class GroupWindow:
    """The group confidence of a stream: the mean of its last `window` tokens once there are so many.

    The streaming twin of `group_confidences`; the sum is made anew now and then so that it cannot drift.
    """

    def __init__(self, window: int) -> None:
        self.window = window
        self.total = 0.0

    def push(self, tokens: Sequence[float]) -> float | None:
        """The group that ends with the last of `tokens`, which holds all so far; one call a token."""
        count = len(tokens)
        if count % RENEW_TOKENS == 0:
            self.total = sum(tokens[-self.window :])
        else:
            self.total += tokens[-1] - (tokens[-1 - self.window] if count > self.window else 0.0)
        return self.total / self.window if count >= self.window else None


Measure = Callable[[Trace], float | None]


def measure_by(read: Callable[[Confidence], float]) -> Measure:
    """A measure of traces; None for a trace whose confidence is not known."""
    return lambda trace: read(trace.confidence) if trace.confidence else None


MEASURES: Mapping[str, Measure] = {
    "mean": measure_by(attrgetter("mean")),
    "tail": measure_by(attrgetter("tail")),
    "bottom10": measure_by(attrgetter("bottom10")),
    "lowest_group": measure_by(attrgetter("lowest_group")),
}
