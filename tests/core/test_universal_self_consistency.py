"""A judge reads all answers and names the one that most of the others agree with."""

import re
from collections.abc import Sequence
from dataclasses import replace

import pytest

from tts_core.model import Finish, Round, Sampling, Trace, Vote
from tts_core.run import Past, advance
from tts_core.strategies.universal_self_consistency import MOST_CHARACTERS, MOST_SHOWN
from tts_core.testing import play, request, trace

PROSE = ("Bees\nfly.", "Bees\ncan fly.", "Bees\nswim.")


def prose(texts: Sequence[str] = PROSE) -> list[Trace]:
    """Traces of free text, without an answer."""
    return [trace(text, index=i, answer=None) for i, text in enumerate(texts)]


def selected(traces: Sequence[Trace], word: str) -> tuple[Vote, list[str]]:
    """The vote, and what the judge was shown; the word "" is a failure."""
    shown: list[str] = []

    def answering(sampling: Sampling, index: int) -> Trace:
        if not sampling.judge:
            return traces[index]
        shown.append(sampling.messages[0]["content"])
        return trace(word, index=index) if word else Trace(index=index, finish=Finish.FAILED)

    return play(request("universal_self_consistency", budget=len(traces)), answering), shown


def test_the_text_that_the_judge_names_wins() -> None:
    vote, _ = selected(prose(), "2 and 1 agree: [[2]]")
    assert (vote.winners, vote.warnings) == ((1, 0, 2), ())


def test_the_judge_sees_every_text_once_and_numbered() -> None:
    _, (shown,) = selected(prose(), "[[2]]")
    assert re.findall(r"Candidate (\d):\n<candidate>\n(.+\n.+)\n</candidate>", shown) == [
        (str(number), text) for number, text in enumerate(PROSE, start=1)
    ]


def test_a_text_that_was_said_twice_is_shown_twice() -> None:
    _, (shown,) = selected(prose((*PROSE, PROSE[0])), "[[1]]")
    assert shown.count(PROSE[0]) == 2


def test_an_answer_of_few_can_win() -> None:
    said = [trace(f"\\boxed{{{answer}}}", index=i) for i, answer in enumerate("779")]
    vote, _ = selected(said, "[[3]]")
    assert (vote.weighted_answer, vote.majority_answer, vote.agreement) == ("9", "7", pytest.approx(1 / 3))


@pytest.mark.parametrize("word", ["", "I cannot say.", "[[4]]", "[[0]]"])
def test_a_judge_that_names_nobody_leaves_the_plain_vote_and_a_warning_says_so(word: str) -> None:
    vote, _ = selected(prose(), word)
    assert (vote.winners, "plain vote" in vote.warnings[-1]) == ((0,), True)


def test_no_judge_is_asked_when_all_say_the_same() -> None:
    vote, shown = selected(prose((PROSE[0],) * 3), "")
    assert (vote.winners, shown) == ((0,), [])


def test_no_judge_is_asked_when_the_run_is_at_its_end() -> None:
    asked = request("universal_self_consistency", budget=3)
    vote = advance(asked, [Past(3, Round(tuple(prose()), last=True))])
    assert isinstance(vote, Vote)
    assert (vote.winners, "plain vote" in vote.warnings[-1]) == ((0,), True)


def test_a_judge_who_was_cut_off_by_the_runs_end_is_not_said_to_have_failed() -> None:
    asked = request("universal_self_consistency", budget=3)
    judging = [Past(3, Round(tuple(prose()))), Past(1, Round((), last=True))]
    vote = advance(asked, judging)
    assert isinstance(vote, Vote)
    assert "The run ended" in vote.warnings[-1]


def test_what_the_judge_sees_is_bounded_in_number_and_length() -> None:
    vote, (shown,) = selected(prose([f"{n}\n" + "x" * 9000 for n in range(40)]), "[[7]]")
    assert (vote.winners[0], shown.count("<candidate>\n")) == (6, MOST_SHOWN)
    assert len(shown) < MOST_CHARACTERS * 1.2
    assert f"{MOST_SHOWN} of 40 traces" in vote.warnings[0]


def test_calls_of_tools_are_shown_by_what_they_call() -> None:
    called = [replace(trace(f"\\boxed{{{n}}}", index=i), text="") for i, n in enumerate("12")]
    _, (shown,) = selected(called, "[[1]]")
    assert "<candidate>\n1\n</candidate>" in shown
