"""From log-probabilities to the confidence of a trace."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts_core.confidence import (
    binned_confidences,
    bottom_confidence,
    group_confidences,
    lowest_group,
    mean_confidence,
    tail_confidence,
    token_confidence,
    trace_confidence,
)

logprobs = st.lists(st.floats(-30, -1e-6), min_size=2, max_size=25)
confidences = st.lists(st.floats(0.1, 25), min_size=1, max_size=200)
windows = st.integers(1, 250)


def test_a_token_is_as_confident_as_its_alternatives_are_unlikely() -> None:
    assert token_confidence([-0.5, -3.0, -8.5]) == 4.0


def test_only_the_k_most_probable_alternatives_count() -> None:
    assert token_confidence([-9.0, -1.0, -2.0], k=2) == 1.5


@pytest.mark.parametrize("sentinel", [-9999.0, -1000.0, -math.inf, math.nan, 1.0, 1e308, math.inf])
def test_a_sentinel_is_no_probability(sentinel: float) -> None:
    assert token_confidence([-1.0, -3.0, sentinel]) == 2.0


@pytest.mark.parametrize("top_logprobs", [[], [-1.0], [-1.0, -9999.0], [-9999.0, -9999.0]])
def test_a_token_with_fewer_than_two_probabilities_has_no_confidence(top_logprobs: list[float]) -> None:
    assert token_confidence(top_logprobs) is None


def test_all_zero_logprobs_are_made_up() -> None:
    assert token_confidence([0.0] * 20) is None


@given(logprobs)
def test_confidence_does_not_depend_on_the_order_of_alternatives(values: list[float]) -> None:
    assert token_confidence(values, 20) == pytest.approx(token_confidence(values[::-1], 20), rel=1e-12)


@given(confidences, windows)
def test_groups_are_the_means_of_all_full_windows(values: list[float], window: int) -> None:
    width = min(window, len(values))
    naive = [sum(values[i : i + width]) / width for i in range(len(values) - width + 1)]
    assert group_confidences(values, window) == pytest.approx(naive, abs=1e-9)


@given(confidences, windows)
def test_a_trace_shorter_than_the_window_is_one_group(values: list[float], more: int) -> None:
    groups = group_confidences(values, len(values) + more)
    assert groups == pytest.approx([mean_confidence(values)], abs=1e-9)


@given(confidences, windows)
def test_no_measure_of_groups_is_below_the_lowest_group(values: list[float], window: int) -> None:
    found = trace_confidence(values, window)
    assert found is not None
    assert found.lowest_group <= min(found.bottom10, found.tail) + 1e-9


def test_the_mean_may_be_below_the_lowest_group_for_groups_hold_the_outermost_tokens_less_often() -> None:
    found = trace_confidence([1.0, 2.0, 1.0], window=2)
    assert found is not None
    assert found.mean < found.lowest_group


def test_the_tail_is_the_last_tokens() -> None:
    assert tail_confidence([9.0, 1.0, 3.0], window=2) == 2.0


def test_the_bottom_is_the_mean_of_the_lowest_tenth() -> None:
    groups = np.arange(40, 0, -1, dtype=float)
    assert bottom_confidence(groups) == 2.5


def test_the_bottom_of_few_groups_is_the_lowest() -> None:
    groups = np.array([3.0, 1.0, 2.0])
    assert bottom_confidence(groups) == lowest_group(groups) == 1.0


def test_a_trace_without_token_confidences_has_none() -> None:
    assert trace_confidence([], 8) is None


def test_long_traces_lose_no_precision() -> None:
    values = np.random.default_rng(0).uniform(0, 25, 60_000)
    naive = [math.fsum(values[i : i + 8]) / 8 for i in (0, 30_000, 59_992)]
    groups = group_confidences(values, 8)
    assert [groups[0], groups[30_000], groups[59_992]] == pytest.approx(naive, abs=1e-9)


@pytest.mark.parametrize(("values", "window"), [([], 4), ([1.0], 0)])
def test_an_impossible_group_is_refused(values: list[float], window: int) -> None:
    with pytest.raises(ValueError, match="no group"):
        group_confidences(values, window)


@given(confidences, st.integers(1, 50))
def test_a_curve_in_few_points_keeps_the_sum_of_its_trace(values: list[float], most: int) -> None:
    width, points = binned_confidences(values, most)
    sizes = [min(width, len(values) - start) for start in range(0, len(values), width)]
    assert len(points) == len(sizes) <= most
    assert math.fsum(np.multiply(points, sizes)) == pytest.approx(math.fsum(values))


def test_a_short_curve_is_told_token_by_token() -> None:
    assert binned_confidences([3.0, 1.0, 2.0]) == (1, (3.0, 1.0, 2.0))


def test_a_trace_without_a_token_has_no_point() -> None:
    assert binned_confidences([]) == (1, ())
