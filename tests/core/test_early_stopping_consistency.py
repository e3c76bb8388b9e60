"""Early-stopping self-consistency: sampling ends with the first window whose traces all agree."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts_core.extending import extended
from tts_core.model import Finish, Plan, Round, Sampling, Trace, Vote, Why
from tts_core.pooling import revote
from tts_core.run import Past, advance
from tts_core.testing import play, request, trace

NAME = "early_stopping_consistency"


def said(answers: str) -> list[Trace]:
    """One trace a letter; "-" has no answer, "!" failed."""
    return [
        Trace(index=i, finish=Finish.FAILED) if answer == "!" else trace(spelt(answer), index=i)
        for i, answer in enumerate(answers)
    ]


def spelt(answer: str) -> str:
    """What a trace says to answer so."""
    return "No idea, sorry. I give up here.\nBye." if answer == "-" else f"\\boxed{{{answer}}}"


def asking(answers: str, window: int, budget: int | None = None) -> tuple[Vote, int]:
    """The vote, and how many traces were sampled for it."""
    pool, sampled = said(answers), list[int]()

    def answering(_: Sampling, index: int) -> Trace:
        sampled.append(index)
        return pool[index]

    asked = request(NAME, budget=budget or len(answers), window_traces=window)
    return play(asked, answering), len(sampled)


def needed(answers: str, window: int) -> int:
    """How many samples the paper's rule takes."""
    for start in range(0, len(answers), window):
        found = answers[start : start + window]
        if len(found) == window and set(found) in ({"1"}, {"2"}):
            return start + window
    return len(answers)


def test_a_window_that_agrees_ends_the_sampling() -> None:
    vote, sampled = asking("444447777777", window=5)
    assert (sampled, vote.weighted_answer, vote.decided) == (5, "4", True)


def test_a_window_that_does_not_agree_is_followed_by_another() -> None:
    vote, sampled = asking("4744" + "4444" + "7777", window=4)
    assert (sampled, vote.decided) == (8, True)


def test_agreement_across_two_windows_does_not_end_it() -> None:
    assert asking("7444" + "4447" + "4744", window=4)[1] == 12


def test_all_windows_vote_along() -> None:
    vote, sampled = asking("77774" + "77774" + "44444" + "77777", window=5)
    assert (sampled, vote.weighted_answer, vote.agreement) == (15, "7", pytest.approx(8 / 15))


def test_without_agreement_the_majority_of_the_budget_wins() -> None:
    vote, sampled = asking("47747", window=3)
    assert (sampled, vote.weighted_answer, vote.decided) == (5, "7", False)


def test_confidence_has_no_say() -> None:
    pool = [trace("\\boxed{4}", 20.0), *(trace("\\boxed{7}", 1.0, index=i) for i in (1, 2))]
    vote = play(request(NAME, budget=3, window_traces=2), lambda _, index: pool[index])
    assert vote.weighted_answer == "7"


@pytest.mark.parametrize("broken", ["44-4", "44!4"])
def test_a_trace_without_an_answer_breaks_the_agreement(broken: str) -> None:
    assert asking(broken + "7777" + "4444", window=4)[1] == 8


def test_a_window_without_any_answer_is_no_agreement() -> None:
    assert asking("--" + "44" + "77", window=2)[1] == 4


def test_answers_that_mean_the_same_agree() -> None:
    pool = [trace(f"\\boxed{{{text}}}", index=i) for i, text in enumerate(["1/2", "0.5", "7", "7"])]
    vote = play(request(NAME, budget=4, window_traces=2), lambda _, index: pool[index])
    assert vote.voters == (0, 1)


def test_the_last_window_takes_what_is_left_of_the_budget() -> None:
    history = [Past(5, Round(tuple(said("44447"))))]
    plan = advance(request(NAME, budget=8, window_traces=5), history)
    assert isinstance(plan, Plan)
    assert len(plan.samplings) == 3


@pytest.mark.parametrize("answers", ["4747" + "44", "4747" + "4444"])
def test_nothing_was_stopped_early_when_the_budget_is_spent(answers: str) -> None:
    assert not asking(answers, window=4)[0].decided


def test_a_window_larger_than_the_budget_stops_nothing() -> None:
    vote, sampled = asking("444", window=5)
    assert (sampled, vote.decided) == (3, False)


def test_a_window_that_came_back_short_is_no_agreement() -> None:
    cut = Past(5, Round(tuple(said("444")), last=True))
    vote = advance(request(NAME, budget=20, window_traces=5), [cut])
    assert isinstance(vote, Vote)
    assert (vote.weighted_answer, vote.decided) == ("4", False)


def test_a_vote_again_over_its_traces_says_that_a_consensus_ended_it() -> None:
    found = revote(request(NAME, budget=6, window_traces=2), said("474477"))
    assert (len(found.traces), found.rounds, found.why) == (4, 2, Why.CONSENSUS)


def test_a_larger_budget_asks_for_the_same_traces_first() -> None:
    asked = extended(request(NAME, budget=8, window_traces=5), 4)
    found = revote(asked, said("474747474747"))
    assert (len(found.traces), found.rounds) == (12, 3)


@given(st.text("12-!", min_size=1, max_size=40), st.integers(2, 8))
def test_it_samples_what_the_papers_rule_takes(answers: str, window: int) -> None:
    vote, sampled = asking(answers, window)
    assert sampled == needed(answers, window)
    assert vote.decided == (sampled < len(answers))


@given(st.text("12-", min_size=1, max_size=40), st.integers(2, 8))
def test_it_votes_as_self_consistency_does_over_what_it_sampled(answers: str, window: int) -> None:
    vote, sampled = asking(answers, window)
    pool = said(answers)
    majority = play(request("self_consistency", budget=sampled), lambda _, index: pool[index])
    assert vote.classes == majority.classes
