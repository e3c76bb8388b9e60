"""Mixture-of-Agents: proposals in layers, each knowing the last, and one answer made of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tts_core.model import Finish, Plan, Round, Sampling, Trace, Vote
from tts_core.run import Past, advance
from tts_core.strategies.mixture_of_agents import extent, with_note
from tts_core.testing import Answering, play, request, trace

AB = ("a", "b")


def played(answering: Answering, **options: object) -> tuple[Vote, list[Sampling]]:
    """The vote, and what was asked: by default 3 + 3 proposals and the aggregator."""
    asked: list[Sampling] = []

    def noting(sampling: Sampling, index: int) -> Trace:
        asked.append(sampling)
        return answering(sampling, index)

    options = {"models": AB, "aggregator": "sum", **options}
    return play(request("mixture_of_agents", **options), noting), asked


def proposing(*answers: str, summed: str = "42") -> Answering:
    """Trace i says answers[i], the aggregator what is `summed`; "" is a failure."""

    def answering(sampling: Sampling, index: int) -> Trace:
        said = summed if sampling.model == "sum" else answers[index % len(answers)]
        return (
            trace(f"It is \\boxed{{{said}}}", index=index)
            if said
            else Trace(index=index, finish=Finish.FAILED)
        )

    return answering


def test_the_models_propose_in_turn_and_the_aggregator_concludes() -> None:
    _, asked = played(proposing("7"))
    assert [sampling.model for sampling in asked] == ["a", "b", "a", "a", "b", "a", "sum"]


def test_who_comes_later_is_shown_the_proposals_of_the_layer_before() -> None:
    _, asked = played(proposing("1", "2", "3", "4", "5", "6"))
    shown = [sampling.messages[-1]["content"] for sampling in asked]
    assert shown[0] == "What is 6*7?"
    assert shown[3].count("<answer>\nIt is") == 3
    assert "boxed{3}" in shown[3]
    assert "boxed{6}" in shown[6]
    assert "boxed{3}" not in shown[6]


def test_the_aggregator_decides_whatever_the_proposals_say() -> None:
    vote, _ = played(proposing("7"))
    assert (vote.weighted_answer, vote.winners[0], vote.majority_answer) == ("42", 6, "7")
    assert vote.agreement == pytest.approx(1 / 4)


def test_an_aggregator_without_an_answer_to_vote_on_still_decides() -> None:
    vote, _ = played(proposing("7", summed="}\n\nwell, who knows,\nreally"))
    assert vote.winners == (6,)


def test_an_aggregator_that_fails_leaves_it_to_the_majority_of_the_last_proposals() -> None:
    vote, _ = played(proposing("1", "1", "1", "8", "8", "9", summed=""))
    assert (vote.weighted_answer, vote.voters) == ("8", (3, 4, 5))
    assert "aggregator failed" in vote.warnings[-1]


def test_a_layer_that_fails_hands_on_the_proposals_before_it() -> None:
    vote, asked = played(proposing("1", "1", "1", "", "", ""))
    assert vote.weighted_answer == "42"
    assert asked[-1].messages[-1]["content"].count("boxed{1}") == 3


def test_without_any_proposal_the_aggregator_answers_by_itself() -> None:
    vote, asked = played(proposing(""))
    assert [sampling.model for sampling in asked] == ["a", "b", "a", "sum"]
    assert asked[-1].messages == asked[0].messages
    assert (vote.weighted_answer, len(vote.warnings)) == ("42", 1)


def test_a_run_that_must_end_is_answered_by_the_proposals_there_are() -> None:
    asked = request("mixture_of_agents", models=AB)
    last = Round((trace("\\boxed{7}", index=1, model="b"),), last=True)
    vote = advance(asked, [Past(3, last)])
    assert isinstance(vote, Vote)
    assert (vote.weighted_answer, len(vote.warnings)) == ("7", 1)


def test_a_budget_of_one_is_the_aggregator_alone() -> None:
    plan = advance(request("mixture_of_agents", models=AB, budget=1), [])
    assert isinstance(plan, Plan)
    assert [sampling.model for sampling in plan.samplings] == ["scripted"]


def test_a_budget_too_small_for_what_was_asked_for_is_told() -> None:
    vote, _ = played(proposing("7"), proposers=5)
    assert vote.warnings == ("A budget of 8 traces has room for 3 proposers in 2 layers.",)


@given(some.integers(1, 64), some.integers(1, 8), some.none() | some.integers(1, 64))
def test_the_budget_holds(budget: int, layers: int, proposers: int | None) -> None:
    rounds, size = extent(budget, layers, proposers)
    assert rounds * size + 1 <= budget
    assert (size >= 1) == (budget > 1)


def test_proposals_follow_the_parts_of_a_message() -> None:
    parts = [{"type": "image_url", "image_url": {"url": "data:,"}}]
    found = with_note({"role": "user", "content": parts}, "note")
    assert found["content"] == [*parts, {"type": "text", "text": "note"}]
