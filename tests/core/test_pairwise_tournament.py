"""A knockout of answers: two by two, in both orders, until one is left."""

import re
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tts_core.candidates import Candidate
from tts_core.model import Finish, Plan, Round, Sampling, Trace, Vote
from tts_core.run import Past, advance
from tts_core.strategies.pairwise_tournament import paired
from tts_core.testing import play, request, trace

Judge = Callable[[str, str], str]


def said(answers: str) -> list[Trace]:
    """One trace a letter."""
    return [trace(f"\\boxed{{{answer}}}", index=i) for i, answer in enumerate(answers)]


def compared(sampling: Sampling) -> tuple[str, str]:
    """The answers that a judge sees, in order."""
    first, second = re.findall(r"boxed\{(.+?)\}", sampling.messages[0]["content"])
    return first, second


def held(traces: Sequence[Trace], judge: Judge, **options: object) -> tuple[Vote, list[tuple[str, str]]]:
    """The tournament's vote, and the pairs as the judge saw them; its word "" is a failure."""
    seen: list[tuple[str, str]] = []

    def answering(sampling: Sampling, index: int) -> Trace:
        if not sampling.judge:
            return traces[index]
        seen.append(compared(sampling))
        word = judge(*seen[-1])
        return trace(word, index=index) if word else Trace(index=index, finish=Finish.FAILED)

    return play(request("pairwise_tournament", budget=len(traces), **options), answering), seen


def larger(first: str, second: str) -> str:
    """A judge for whom the larger number is the better one."""
    return "[[A]]" if int(first) > int(second) else "[[B]]"


def first_always(_: str, __: str) -> str:
    """A judge that looks at the order only."""
    return "It is close. [[A]]"


def test_the_winner_of_all_pairs_wins_against_the_majority() -> None:
    vote, _ = held(said("1112934"), larger)
    assert (vote.weighted_answer, vote.majority_answer) == ("9", "1")
    assert vote.agreement == pytest.approx(1 / 7)


def test_every_pair_is_judged_in_both_orders() -> None:
    _, seen = held(said("12"), larger)
    assert seen == [("1", "2"), ("2", "1")]


def test_there_are_two_calls_less_than_twice_the_answers() -> None:
    _, seen = held(said("123456789"[:7]), larger)
    assert len(seen) == 2 * 6


def test_a_judge_that_goes_by_order_decides_nothing() -> None:
    vote, _ = held(said("9311"), first_always)
    assert vote.weighted_answer == "1"


def test_of_ties_with_equal_votes_the_first_sampled_wins() -> None:
    vote, _ = held(said("5324"), lambda *_: "[[tie]]")
    assert vote.winners[0] == 0


@pytest.mark.parametrize("word", ["", "Both are fine"])
def test_a_failing_judge_leaves_the_plain_vote_and_a_warning_says_so(word: str) -> None:
    vote, _ = held(said("2311"), lambda *_: word)
    assert vote.weighted_answer == "1"
    assert "4 of 4 judge calls failed" in vote.warnings[0]


def test_one_verdict_of_a_pair_alone_decides_nothing() -> None:
    words = iter(("", "[[A]]"))
    vote, _ = held(said("119"), lambda *_: next(words))
    assert vote.weighted_answer == "1"


def test_no_judge_is_asked_when_all_agree() -> None:
    vote, seen = held(said("111"), larger)
    assert (vote.weighted_answer, seen) == ("1", [])


def test_judge_calls_are_bounded_and_the_answers_with_most_votes_play() -> None:
    vote, seen = held(said("9228877"), larger, judge_calls=5)
    assert (len(seen), vote.weighted_answer) == (4, "8")
    assert "Only 3 of 4" in vote.warnings[0]


def test_texts_without_an_answer_play_too() -> None:
    prose = [trace(f"So\n\\boxed{{{n}}}", index=i, answer=None) for i, n in enumerate("19")]
    vote, _ = held(prose, larger)
    assert (vote.winners[0], vote.warnings) == (1, ())


def test_a_level_is_a_round() -> None:
    traces = tuple(said("1234"))
    asked = request("pairwise_tournament", budget=4)
    plan = advance(asked, [Past(4, Round(traces))])
    assert isinstance(plan, Plan)
    assert [compared(sampling) for sampling in plan.samplings] == [
        ("1", "4"), ("4", "1"), ("2", "3"), ("3", "2"),
    ]  # fmt: skip


def test_a_tournament_that_cannot_be_ended_answers_by_the_plain_vote() -> None:
    words = ("[[B]]", "[[A]]", "[[B]]", "[[A]]")
    verdicts = tuple(trace(word, index=4 + i, judge=True) for i, word in enumerate(words))
    history = [Past(4, Round(tuple(said("1234")))), Past(4, Round(verdicts, last=True))]
    vote = advance(request("pairwise_tournament", budget=4), history)
    assert isinstance(vote, Vote)
    assert (vote.weighted_answer, "plain vote" in vote.warnings[0]) == ("1", True)


def test_a_final_that_was_judged_counts_although_the_run_ends_there() -> None:
    verdicts = tuple(trace(word, index=2 + i, judge=True) for i, word in enumerate(("[[B]]", "[[A]]")))
    history = [Past(2, Round(tuple(said("19")))), Past(2, Round(verdicts, last=True))]
    vote = advance(request("pairwise_tournament", budget=2), history)
    assert isinstance(vote, Vote)
    assert (vote.weighted_answer, vote.warnings) == ("9", ())


def test_of_an_odd_number_the_best_seed_waits() -> None:
    seeds = [Candidate(i, "", (i,)) for i in range(5)]
    assert [(a.index, b.index) for a, b in paired(seeds)] == [(1, 4), (2, 3)]


@given(some.permutations(list("123456789")), some.integers(2, 9))
def test_an_honest_judge_finds_the_best_of_any_order(answers: list[str], count: int) -> None:
    vote, _ = held(said("".join(answers[:count])), larger)
    assert vote.weighted_answer == max(answers[:count])
