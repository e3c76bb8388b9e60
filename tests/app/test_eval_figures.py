"""Intervals, reference lines and draws of an evaluation."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.eval.intervals import pass_at, resampled, wilson
from app.eval.measuring import Drawing, places
from app.eval.problems import Problem
from app.eval.replaying import Graded
from tts_core.model import Finish, Trace

SHARES = st.floats(0, 1)


def test_wilsons_interval_is_the_one_of_the_books() -> None:
    assert wilson(0.0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)
    assert wilson(0.5, 100) == pytest.approx((0.4038, 0.5962), abs=1e-4)


@given(share=SHARES, problems=st.integers(1, 10_000))
def test_wilsons_interval_holds_the_share_and_narrows_with_problems(share: float, problems: int) -> None:
    low, high = wilson(share, problems)
    closer, further = wilson(share, problems * 4)
    assert 0 <= low <= share <= high <= 1
    assert further - closer < high - low


def test_resampling_problems_that_are_all_alike_says_so() -> None:
    assert resampled(np.full(20, 0.25)) == (0.25, 0.25)


@given(values=st.lists(st.floats(-1, 1), min_size=1, max_size=30))
def test_a_resampled_interval_lies_within_what_was_seen_and_is_the_same_again(values: list[float]) -> None:
    points = np.array(values)
    low, high = resampled(points)
    assert points.min() - 1e-9 <= low <= high <= points.max() + 1e-9
    assert resampled(points) == (low, high)


COUNTS = st.lists(
    st.integers(1, 40).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), min_size=1, max_size=9
)


@given(counts=COUNTS, k=st.integers(1, 40))
def test_more_tries_never_lower_the_chance_that_one_is_right(counts: list[tuple[int, int]], k: int) -> None:
    assert pass_at(1, counts) == pytest.approx(np.mean([c / n for c, n in counts]))
    assert pass_at(k, counts) <= pass_at(k + 1, counts) + 1e-12
    assert pass_at(40, counts) == pytest.approx(np.mean([c > 0 for c, _ in counts]))


def problem(name: str) -> Graded:
    traces = tuple(Trace(index=index, finish=Finish.STOP) for index in range(8))
    return Graded(Problem(name * 12, "?", "1"), traces, "number:1")


def test_a_problem_is_drawn_from_alike_whatever_others_there_are() -> None:
    drawing = Drawing(draws=4, seed=7)
    assert drawing.orders(problem("a")) == drawing.orders(problem("a"))
    assert drawing.orders(problem("a")) != drawing.orders(problem("b"))
    assert drawing.orders(problem("a")) != Drawing(draws=4, seed=8).orders(problem("a"))


def test_a_draw_has_every_trace_once() -> None:
    for order in Drawing(draws=4, seed=7).orders(problem("c")):
        assert sorted(trace.index for trace in order) == list(range(8))


def test_with_as_many_draws_as_traces_every_trace_counts_equally_often_at_every_budget() -> None:
    orders = Drawing(draws=16, seed=7).orders(problem("c"))
    for budget in range(1, 9):
        taken = Counter(trace.index for order in orders for trace in order[:budget])
        assert set(taken.values()) == {2 * budget}


def test_fewer_draws_than_traces_begin_as_far_apart_as_they_can() -> None:
    assert places(4, 32) == [0, 8, 16, 24]
    assert places(3, 8) == [0, 2, 5]
