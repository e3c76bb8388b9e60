"""How sure a share over a few problems is."""

from collections.abc import Sequence
from math import comb, sqrt

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
RESAMPLES = 10_000
Z_95 = 1.959964


def wilson(share: float, problems: int) -> tuple[float, float]:
    """The 95 % Wilson score interval of a share of `problems`, in 0..1 (Wilson 1927).

    Of a mean of shares it is at least as wide as it must be: what varies between 0 and 1 never varies more
    than what is 0 or 1 with the same mean.
    """
    if not problems:
        return 0.0, 1.0
    square = Z_95**2 / problems
    middle = (share + square / 2) / (1 + square)
    half = Z_95 / (1 + square) * sqrt(share * (1 - share) / problems + square / (4 * problems))
    return max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half))


def resampled(points: Points) -> tuple[float, float]:
    """The 95 % percentile interval of the mean of (problems,) values by resampling problems (bootstrap,
    Efron 1979). The same values give the same interval."""
    if not len(points):
        return 0.0, 0.0
    drawn = np.random.default_rng(0).integers(len(points), size=(RESAMPLES, len(points)))
    low, high = np.percentile(points[drawn].mean(axis=1), [2.5, 97.5])
    return float(low), float(high)


def pass_at(k: int, counts: Sequence[tuple[int, int]]) -> float:
    """The chance that one of k traces is right, over (right, all) counts of problems: 1 - C(n-c, k) /
    C(n, k), unbiased (Chen et al. 2021, arXiv 2107.03374, eq. 1)."""
    found = [1 - comb(n - c, min(k, n)) / comb(n, min(k, n)) for c, n in counts if n]
    return sum(found) / len(found) if found else 0.0
