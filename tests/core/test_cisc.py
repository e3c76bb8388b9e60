"""Confidence-informed self-consistency: votes weigh the softmax of their confidences."""

from collections.abc import Sequence
from dataclasses import replace
from math import e

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts_core.confidence import MEASURES
from tts_core.filtering import parse_filter
from tts_core.model import Confidence, Vote
from tts_core.strategies.cisc import softmax
from tts_core.testing import play, request, trace
from tts_core.voting import cast_vote

NATS = st.floats(0, 25)
TEMPERATURES = st.floats(0.01, 1000)


def vote(answers: str, *confidences: float | None, **options: object) -> Vote:
    """One trace a letter."""
    said = [
        trace(f"\\boxed{{{answer}}}", confidence, index=i)
        for i, (answer, confidence) in enumerate(zip(answers, confidences, strict=True))
    ]
    return play(request("cisc", budget=len(said), **options), lambda _, index: said[index])


def test_a_vote_weighs_the_softmax_of_its_confidence() -> None:
    found = vote("79", 11.0, 10.0)
    assert [c.weight for c in found.classes] == pytest.approx([e / (e + 1), 1 / (e + 1)])


def test_the_weights_of_an_answer_add_up() -> None:
    found = vote("779", 10.0, 10.0, 10.0)
    assert [(c.answer, c.weight) for c in found.classes] == [
        ("7", pytest.approx(2 / 3)),
        ("9", pytest.approx(1 / 3)),
    ]


@pytest.mark.parametrize(("temperature", "answer"), [(0.5, "9"), (2.0, "7")])
def test_the_temperature_decides_between_confidence_and_numbers(temperature: float, answer: str) -> None:
    assert vote("779", 10.0, 10.0, 11.0, softmax_temperature=temperature).weighted_answer == answer


def test_only_differences_within_the_question_count() -> None:
    low, high = vote("779", 1.0, 1.0, 2.0), vote("779", 21.0, 21.0, 22.0)
    assert [c.weight for c in low.classes] == pytest.approx([c.weight for c in high.classes])


def test_the_confidence_of_the_vote_stays_in_nats() -> None:
    assert vote("779", 10.0, 12.0, 14.0).confidence == pytest.approx(12.0)


def test_the_measure_can_be_chosen() -> None:
    sure_at_the_end = Confidence(mean=5.0, tail=20.0, bottom10=5.0, lowest_group=5.0)
    said = [trace("\\boxed{7}", 10.0), replace(trace("\\boxed{9}", index=1), confidence=sure_at_the_end)]
    asked = request("cisc", budget=2, confidence="tail")
    assert play(asked, lambda _, index: said[index]).weighted_answer == "9"


def test_a_trace_without_a_confidence_weighs_nothing_and_a_warning_says_so() -> None:
    found = vote("779", None, None, 3.0)
    assert found.weighted_answer == "9"
    assert "2 of 3 traces" in found.warnings[0]


def test_without_any_confidence_the_majority_wins_and_a_warning_says_so() -> None:
    found = vote("779", None, None, None)
    assert (found.weighted_answer, found.consensus) == ("7", pytest.approx(2 / 3))
    assert "not weighted" in found.warnings[0]


def test_weights_are_made_of_the_traces_that_a_filter_kept() -> None:
    traces = [trace("\\boxed{7}", float(10 + i), index=i) for i in range(3)]
    asked: list[list[float]] = []

    def weigh(confidences: Sequence[float]) -> Sequence[float]:
        asked.append(list(confidences))
        return [1.0] * len(confidences)

    cast_vote(traces, MEASURES["mean"], parse_filter("top2"), weighted=True, weigh=weigh)
    assert asked == [[11.0, 12.0]]


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50), TEMPERATURES)
def test_weights_add_up_to_one_however_far_apart_confidences_are(values: list[float], t: float) -> None:
    weights = softmax(values, t)
    assert sum(weights) == pytest.approx(1)
    assert all(0 <= weight <= 1 for weight in weights)


@given(st.lists(NATS, min_size=1, max_size=20), TEMPERATURES)
def test_more_confidence_never_weighs_less(values: list[float], t: float) -> None:
    assert list(np.diff(softmax(sorted(values), t)) >= 0) == [True] * (len(values) - 1)


@given(st.lists(st.tuples(st.sampled_from("123"), NATS), min_size=1, max_size=20))
def test_a_high_temperature_is_a_majority_vote(cases: list[tuple[str, float]]) -> None:
    said, confidences = zip(*cases, strict=True)
    found = vote("".join(said), *confidences, softmax_temperature=1000.0)
    assert found.classes[0].votes == max(c.votes for c in found.classes)


@given(st.lists(st.integers(0, 25), min_size=1, max_size=9, unique=True))
def test_a_low_temperature_takes_the_most_confident_trace(nats: list[int]) -> None:
    found = vote("123456789"[: len(nats)], *map(float, nats), softmax_temperature=0.01)
    assert found.winners[0] == nats.index(max(nats))
