"""Which traces may vote, by confidence (DeepConf, section 3.2)."""

import math
import re
from collections.abc import Callable, Sequence

import numpy as np

from tts_core.errors import InvalidRequest

Confidences = Sequence[float | None]
Filter = Callable[[Confidences], list[int]]

FILTERS = "none, topK (top5: the 5 most confident), topP% (top10%), threshold:X (threshold:16.2)"


def parse_filter(spec: str) -> Filter:
    """The filter that `spec` names; see FILTERS. Raises InvalidRequest.

    A filter takes the confidences of the traces (None: not known) and returns the positions it
    keeps, in order.
    """
    if spec == "none":
        return keep_all
    if match := re.fullmatch(r"top([0-9]{1,6})", spec):
        return keep_count(positive(float(match[1]), spec))
    if match := re.fullmatch(r"top([0-9]{1,3}(?:\.[0-9]{1,6})?)%", spec):
        return keep_share(positive(float(match[1]), spec))
    if match := re.fullmatch(r"threshold:(-?[0-9]{1,9}(?:\.[0-9]{1,12})?)", spec):
        return keep_above(float(match[1]))
    raise unknown_filter(spec)


def unknown_filter(spec: str) -> InvalidRequest:
    """The error that names the parameter and what it may be."""
    return InvalidRequest(
        f"{spec[:80]!r} is not a filter; use one of: {FILTERS}.", param="tts_filter_method"
    )


def positive(value: float, spec: str) -> float:
    """`value`, when it keeps anything at all and a share is not above 100 %."""
    if value <= 0 or (spec.endswith("%") and value > 100):
        raise unknown_filter(spec)
    return value


def keep_all(confidences: Confidences) -> list[int]:
    """Everybody votes."""
    return list(range(len(confidences)))


def keep_count(count: float) -> Filter:
    """The `count` most confident; of equals the one sampled first."""

    def keep(confidences: Confidences) -> list[int]:
        ranked = sorted(range(len(confidences)), key=lambda i: (-known(confidences[i]), i))
        return sorted(ranked[: int(count)])

    return keep


def keep_share(percent: float) -> Filter:
    """Those at or above the (100 - percent)th percentile, linearly interpolated; ties all stay."""

    def keep(confidences: Confidences) -> list[int]:
        values = [value for value in confidences if value is not None]
        if not values:
            return keep_all(confidences)
        return keep_above(float(np.percentile(values, 100 - percent)))(confidences)

    return keep


def keep_above(threshold: float) -> Filter:
    """Those at or above `threshold` nats."""

    def keep(confidences: Confidences) -> list[int]:
        return [i for i, value in enumerate(confidences) if known(value) >= threshold]

    return keep


def known(confidence: float | None) -> float:
    """An unknown confidence ranks below every known one."""
    return -math.inf if confidence is None else confidence
