"""Several models in one vote: the budget is shared out, and each model weighs what it was given."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tts_core.errors import InvalidRequest
from tts_core.model import Finish, Plan, Sampling, Trace, Vote
from tts_core.run import advance
from tts_core.strategies.ensemble import relative
from tts_core.testing import Answering, play, request, trace

ABC = ("a", "b", "c")


def by_model(**answers: str) -> Answering:
    """Each model has one answer; one without fails."""

    def answering(sampling: Sampling, index: int) -> Trace:
        if sampling.model not in answers:
            return Trace(index=index, finish=Finish.FAILED)
        return trace(f"\\boxed{{{answers[sampling.model]}}}", index=index)

    return answering


def vote(answering: Answering, **options: object) -> Vote:
    """An ensemble of a, b and c."""
    return play(request("ensemble", **{"models": ABC, "budget": 6, **options}), answering)


def asked(**options: object) -> list[str]:
    """The models in the order of their traces."""
    plan = advance(request("ensemble", **options), [])
    assert isinstance(plan, Plan)
    return [sampling.model for sampling in plan.samplings]


def test_the_budget_goes_round_and_the_first_models_get_what_is_over() -> None:
    assert asked(models=ABC, budget=5) == ["a", "b", "c", "a", "b"]


def test_without_models_the_request_s_own_is_asked() -> None:
    assert asked(budget=2) == ["scripted", "scripted"]


def test_all_models_weigh_the_same_when_nothing_else_is_said() -> None:
    found = vote(by_model(a="1", b="2", c="2"))
    assert (found.weighted_answer, found.consensus) == ("2", pytest.approx(2 / 3))


def test_a_model_that_weighs_more_outvotes_two_others() -> None:
    found = vote(by_model(a="1", b="2", c="2"), weights=(3.0, 1.0, 1.0))
    assert (found.weighted_answer, found.majority_answer) == ("1", "2")
    assert found.consensus == pytest.approx(3 / 5)


def test_a_model_with_more_traces_weighs_no_more() -> None:
    found = vote(by_model(a="1", b="2"), models=("a", "b"), budget=5)
    assert [found.classes[0].weight, found.classes[1].weight] == [pytest.approx(1), pytest.approx(1)]
    assert found.weighted_answer == "1"


def test_a_model_whose_traces_fail_weighs_as_much_less() -> None:
    def answering(sampling: Sampling, index: int) -> Trace:
        return by_model(b="2", c="2", **({"a": "1"} if index == 0 else {}))(sampling, index)

    weights = {found.answer: found.weight for found in vote(answering, weights=(1.0, 0.4, 0.4)).classes}
    assert weights == {"1": pytest.approx(0.5), "2": pytest.approx(0.8)}


def test_a_model_that_fails_does_not_cost_the_answer() -> None:
    found = vote(by_model(b="2", c="2"))
    assert found.weighted_answer == "2"
    assert found.warnings == ("No trace of 'a' could vote.",)


def test_models_that_the_budget_has_no_trace_for_are_named() -> None:
    found = vote(by_model(a="1", b="2", c="2"), budget=2)
    assert found.warnings == ("A budget of 2 traces has none for: c.",)


def test_confidence_counts_within_a_model_only() -> None:
    def answering(sampling: Sampling, index: int) -> Trace:
        level = {"a": 100.0, "b": 1.0}[sampling.model]
        sure = index < 2
        answer = sampling.model if sure else "other"
        return trace(f"\\boxed{{{answer}}}", level * (3 if sure else 1), index=index)

    found = vote(answering, models=("a", "b"), budget=4, weigh_confidence=True)
    weights = {one.answer: one.weight for one in found.classes}
    assert weights == {"a": pytest.approx(0.75), "b": pytest.approx(0.75), "other": pytest.approx(0.5)}


def test_no_confidence_is_told_for_a_mixed_vote() -> None:
    assert vote(by_model(a="1", b="1", c="1")).confidence is None


@pytest.mark.parametrize(
    ("options", "param"),
    [
        ({"models": ("a", "b"), "weights": (1.0,)}, "tts_weights"),
        ({"models": ("a", "b"), "weights": (0.0, 0.0)}, "tts_weights"),
        ({"models": ("a", "a")}, "tts_models"),
    ],
)
def test_weights_that_do_not_fit_the_models_are_refused(options: dict[str, object], param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        advance(request("ensemble", **options), [])
    assert refused.value.param == param


@given(some.lists(some.floats(0, 50), min_size=1))
def test_relative_confidences_have_a_mean_of_one(confidences: list[float]) -> None:
    found = relative(confidences)
    assert sum(found) / len(found) == pytest.approx(1)
    assert all(value >= 0 for value in found)
