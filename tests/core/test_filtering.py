"""Which traces may vote."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts_core.errors import InvalidRequest
from tts_core.filtering import parse_filter

known = st.lists(st.floats(0, 25), min_size=1, max_size=40)


def test_top_k_keeps_the_most_confident_in_sampling_order() -> None:
    assert parse_filter("top2")([1.0, 9.0, 3.0, 8.0]) == [1, 3]


def test_of_equals_top_k_keeps_the_first() -> None:
    assert parse_filter("top1")([5.0, 5.0]) == [0]


def test_an_unknown_confidence_ranks_last() -> None:
    assert parse_filter("top1")([None, 0.1]) == [1]


@pytest.mark.parametrize(("count", "kept"), [(10, 1), (11, 2), (12, 2), (16, 2), (512, 52)])
def test_a_share_is_cut_at_the_interpolated_percentile(count: int, kept: int) -> None:
    assert len(parse_filter("top10%")([float(i) for i in range(count)])) == kept


def test_ties_at_the_cut_of_a_share_all_stay() -> None:
    assert parse_filter("top50%")([7.0, 7.0, 7.0, 7.0]) == [0, 1, 2, 3]


def test_a_threshold_keeps_what_reaches_it() -> None:
    assert parse_filter("threshold:16.2")([16.2, 16.1, 17.0, None]) == [0, 2]


def test_none_keeps_everybody() -> None:
    assert parse_filter("none")([None, 1.0]) == [0, 1]


@given(known, st.integers(1, 60))
def test_top_k_keeps_k_of_the_highest(values: list[float], count: int) -> None:
    kept = parse_filter(f"top{count}")(values)
    assert len(kept) == min(count, len(values))
    left = [value for i, value in enumerate(values) if i not in kept]
    assert not left or max(left) <= min(values[i] for i in kept)


@given(known, st.integers(1, 100))
def test_a_share_never_keeps_nobody(values: list[float], percent: int) -> None:
    assert parse_filter(f"top{percent}%")(values)


@pytest.mark.parametrize(
    "spec", ["", "top", "top0", "top-1", "top0%", "top101%", "best", "threshold:", "threshold:nan", "top5 "]
)
def test_an_unknown_filter_names_the_parameter_and_the_choices(spec: str) -> None:
    with pytest.raises(InvalidRequest, match="top5") as refused:
        parse_filter(spec)
    assert refused.value.param == "tts_filter_method"
