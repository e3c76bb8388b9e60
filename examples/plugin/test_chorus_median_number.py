"""The median strategy, without a server."""

from tts_core.model import Finish, Sampling, Trace, Vote
from tts_core.testing import play, request, trace


def vote_of(*answers: str, **options: object) -> Vote:
    """The vote over traces with these answers."""

    def answering(_: Sampling, index: int) -> Trace:
        return trace(f"\\boxed{{{answers[index]}}}", index=index)

    return play(request("median_number", budget=len(answers), **options), answering)


def test_the_number_in_the_middle_wins() -> None:
    assert vote_of("900", "10", "12").weighted_answer == "12"


def test_the_median_wins_over_the_most_frequent_number() -> None:
    assert vote_of("1", "1", "5", "6", "7").weighted_answer == "5"


def test_the_lower_of_two_middle_numbers_is_taken_by_default() -> None:
    assert vote_of("1", "2", "3", "4").weighted_answer == "2"


def test_the_upper_of_two_middle_numbers_is_taken_when_asked_for() -> None:
    assert vote_of("1", "2", "3", "4", middle="upper").weighted_answer == "3"


def test_numbers_are_compared_by_what_they_are_worth() -> None:
    assert vote_of("\\frac{1}{2}", "0.75", "0.3").weighted_answer == "\\frac{1}{2}"


def test_answers_come_in_the_order_of_their_distance_from_the_median() -> None:
    vote = vote_of("10", "11", "15", "18", "40")
    assert [found.answer for found in vote.classes] == ["15", "18", "11", "10", "40"]
    assert vote.winners == (2, 3, 1, 0, 4)


def test_an_answer_that_is_no_number_does_not_vote() -> None:
    assert vote_of("3", "many things", "5", "4").voters == (0, 2, 3)


def test_without_any_number_the_answer_of_most_traces_wins() -> None:
    assert vote_of("Paris", "Rome", "Paris").weighted_answer == "Paris"


def test_a_trace_that_failed_does_not_vote() -> None:
    vote = play(request("median_number"), lambda _, index: Trace(index=index, finish=Finish.FAILED))
    assert vote.winners == ()
