"""A cascade: the next model is asked only when the one before does not agree with itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tts_core.model import Finish, Round, Sampling, Trace, Vote
from tts_core.run import Past, advance
from tts_core.strategies.cascade import default_level, levels_of
from tts_core.testing import Answering, play, request, trace

CHEAP, LARGE = "cheap", "large"
NAMES = some.lists(some.sampled_from("abcd"), min_size=1, max_size=5)


def saying(*cheap: str, large: str = "42") -> tuple[Answering, list[str]]:
    """The cheap model's answers in turn ("" is a failure), the large one's only one; and who was asked."""
    asked: list[str] = []

    def answering(sampling: Sampling, index: int) -> Trace:
        asked.append(sampling.model)
        said = cheap[index] if sampling.model == CHEAP else large
        return (
            trace(f"\\boxed{{{said}}}", index=index) if said else Trace(index=index, finish=Finish.FAILED)
        )

    return answering, asked


def vote(answering: Answering, **options: object) -> Vote:
    """A cascade of two models: 3 traces, then 5."""
    return play(request("cascade", **{"models": (CHEAP, LARGE), **options}), answering)


def test_a_cheap_model_that_agrees_with_itself_decides() -> None:
    answering, asked = saying("7", "7", "7")
    found = vote(answering)
    assert (found.weighted_answer, found.decided, asked) == ("7", True, [CHEAP] * 3)


@pytest.mark.parametrize("answers", [("7", "7", "8"), ("7", "7", ""), ("7", "7", "no\nidea at all")])
def test_one_that_does_not_has_the_next_model_decide_alone(answers: tuple[str, ...]) -> None:
    answering, asked = saying(*answers)
    found = vote(answering)
    assert (found.weighted_answer, found.decided) == ("42", False)
    assert (found.voters, asked) == ((3, 4, 5, 6, 7), [CHEAP] * 3 + [LARGE] * 5)


def test_a_lower_agreement_is_reached_sooner() -> None:
    answering, _ = saying("7", "7", "8")
    assert vote(answering, agreement=0.6).weighted_answer == "7"


def test_a_large_model_that_fails_leaves_the_answer_to_the_cheap_one() -> None:
    answering, _ = saying("7", "7", "8", large="")
    found = vote(answering)
    assert found.weighted_answer == "7"
    assert found.warnings == ("No trace of 'large' has an answer: those of 'cheap' voted.",)


def test_a_model_alone_goes_on_with_a_larger_budget_and_all_its_traces_vote() -> None:
    found = play(request("cascade"), lambda _, index: trace(f"\\boxed{{{index // 2}}}", index=index))
    assert found.voters == tuple(range(8))


def test_a_run_that_must_end_is_answered_by_the_level_it_had() -> None:
    last = Round((trace("\\boxed{7}", model=CHEAP),), last=True)
    found = advance(request("cascade", models=(CHEAP, LARGE)), [Past(3, last)])
    assert isinstance(found, Vote)
    assert (found.weighted_answer, found.decided) == ("7", False)


def test_models_that_the_budget_is_too_small_for_are_named() -> None:
    found = vote(saying()[0], budget=2)
    assert found.warnings == ("A budget of 2 traces has no level for: cheap.",)


@given(names=NAMES, budget=some.integers(1, 40), size=some.integers(2, 40))
def test_the_levels_share_the_whole_budget_out(names: list[str], budget: int, size: int) -> None:
    levels = levels_of(names, budget, size)
    assert sum(count for _, count in levels) == budget
    assert levels[-1][0] == names[-1]
    assert levels[-1][1] >= 1
    assert all(count >= 2 for _, count in levels[:-1])


@given(some.integers(1, 500), some.integers(1, 500))
def test_a_larger_budget_keeps_the_first_level_at_least_as_large(budget: int, more: int) -> None:
    size = default_level(budget)
    assert levels_of(["a", "b"], budget + more, size)[0][1] >= levels_of(["a", "b"], budget, size)[0][1]
