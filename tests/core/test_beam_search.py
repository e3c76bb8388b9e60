"""Beam search: answers grow step by step, and the most confident beginnings are kept."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tts_core.estimating import forecast, limit_of
from tts_core.model import Finish, Plan, Request, Round, Sampling, Trace, Vote
from tts_core.run import Past, advance
from tts_core.testing import play, request, trace

SMALL = {"budget": 100, "beams": 2, "expansions": 2, "max_steps": 4}


class Model:
    """Goes on as it is told to, with a confidence; keeps what it was asked."""

    def __init__(self, say: Callable[[Sampling, int], tuple[str, float | None] | Trace]) -> None:
        self.say = say
        self.asked: list[Sampling] = []

    def __call__(self, sampling: Sampling, index: int) -> Trace:
        self.asked.append(sampling)
        said = self.say(sampling, index)
        if isinstance(said, Trace):
            return said
        return trace(sampling.prefill + said[0], said[1], index=index, tokens=10)

    def prefills(self) -> list[str]:
        """What it was to go on with, each once, in order."""
        return list(dict.fromkeys(sampling.prefill for sampling in self.asked))


def thinking(sampling: Sampling, index: int) -> tuple[str, float]:
    """A further step, the more confident the later it was sampled; an answer when nothing stops it."""
    return (f"step {index} of it all" if "stop" in sampling.parameters else "\\boxed{42}"), float(index)


def limited(asked: Request, **parameters: object) -> Request:
    """The request with these parameters."""
    return replace(asked, sampling=replace(asked.sampling, parameters=parameters))


def test_the_most_confident_steps_are_gone_on_with() -> None:
    model = Model(thinking)
    play(request("beam_search", **SMALL), model)
    assert model.prefills()[:3] == ["", "step 3 of it all\n\n", "step 2 of it all\n\n"]


def test_every_step_but_the_last_ends_at_a_blank_line() -> None:
    model = Model(thinking)
    play(request("beam_search", **SMALL), model)
    stops = [sampling.parameters.get("stop") for sampling in model.asked]
    assert stops == [["\n\n"]] * 12 + [None] * 2


def test_the_winner_is_a_trace_that_holds_the_whole_text() -> None:
    found: dict[int, str] = {}

    def say(sampling: Sampling, index: int) -> tuple[str, float]:
        said = thinking(sampling, index)
        found[index] = sampling.prefill + said[0]
        return said

    vote = play(request("beam_search", **SMALL), Model(say))
    assert found[vote.winners[0]].startswith("step 3 of it all\n\nstep ")
    assert found[vote.winners[0]].endswith(" of it all\\boxed{42}")


def test_only_finished_beams_vote_and_weigh_their_score() -> None:
    answers = {0: ("So \\boxed{1}", 5.0), 1: ("So \\boxed{2}", 9.0), 2: ("hm", 1.0), 3: ("hm, hm", 1.0)}
    model = Model(lambda _, index: answers[index])
    vote = play(request("beam_search", **SMALL), model)
    assert len(model.asked) == 4
    assert [(found.answer, found.weight) for found in vote.classes] == [("2", 9.0), ("1", 5.0)]


def test_a_step_that_only_seems_to_conclude_is_gone_on_with() -> None:
    model = Model(lambda s, _: ("Then x = 4", 5.0) if not s.prefill else ("The answer is 8.", 5.0))
    assert play(request("beam_search", **SMALL), model).weighted_answer == "8"


def test_a_beam_that_has_nothing_to_add_is_asked_once_more_without_the_stop_word() -> None:
    def say(sampling: Sampling, _: int) -> tuple[str, float]:
        if "stop" in sampling.parameters:
            return ("", 5.0) if sampling.prefill else ("thus", 5.0)
        return " so it is \\boxed{42}", 5.0

    model = Model(say)
    assert play(request("beam_search", **SMALL), model).weighted_answer == "42"
    assert len(model.asked) == 4 + 2 + 1


def test_the_rest_of_a_beam_is_asked_for_without_what_might_lure_it_beyond_its_end() -> None:
    model = Model(lambda s, _: ("", 5.0) if s.prefill else ("thus", 5.0))
    play(request("beam_search", **SMALL), model)
    assert [sampling.prefill for sampling in model.asked[-3:]] == ["thus\n\n", "thus\n\n", "thus"]


def test_a_beam_that_says_nothing_more_even_then_was_finished() -> None:
    model = Model(lambda s, i: ("", 5.0) if s.prefill else ("x = 4", float(i)))
    vote = play(request("beam_search", **SMALL), model)
    assert (vote.weighted_answer, vote.warnings) == ("x = 4", ())


@pytest.mark.parametrize(("score", "worth"), [("mean", 5.0), ("min", 1.0), ("last", 9.0)])
def test_a_beam_is_worth_what_its_steps_say(score: str, worth: float) -> None:
    model = Model(lambda s, _: ("\\boxed{42}", 9.0) if s.prefill else ("hm", 1.0))
    asked = request("beam_search", budget=9, beams=1, expansions=1, max_steps=4, step_score=score)
    assert play(asked, model).classes[0].weight == worth


def test_without_logprobs_the_first_steps_are_kept_and_a_warning_says_so() -> None:
    model = Model(lambda s, i: (thinking(s, i)[0], None))
    vote = play(request("beam_search", **SMALL), model)
    assert model.prefills()[1:3] == ["step 0 of it all\n\n", "step 1 of it all\n\n"]
    assert "no step could be scored" in vote.warnings[-1]


def test_beams_that_cannot_be_continued_vote_as_they_are() -> None:
    def say(sampling: Sampling, index: int) -> tuple[str, float] | Trace:
        return Trace(index=index, finish=Finish.FAILED) if sampling.prefill else (f"x = {index}", 5.0)

    vote = play(request("beam_search", **SMALL), Model(say))
    assert vote.voters == (0, 1)
    assert vote.warnings == ("2 beams could not be continued to their end; what they had come to voted.",)


def test_a_search_that_is_ended_early_answers_with_what_there_is() -> None:
    asked = request("beam_search", **SMALL)
    round_ = Round((trace("x = 4", 5.0, index=2),), last=True)
    vote = advance(asked, [Past(4, round_)])
    assert isinstance(vote, Vote)
    assert (vote.winners, "may lack its end" in vote.warnings[-1]) == ((2,), True)


def test_with_stop_words_of_the_clients_own_steps_end_by_length() -> None:
    asked = limited(request("beam_search", **SMALL, step_tokens=50), stop=["###"], max_tokens=80)
    plan = advance(asked, [])
    assert isinstance(plan, Plan)
    assert plan.samplings[0].parameters == {"stop": ["###"], "max_tokens": 50}


def test_max_tokens_bounds_the_whole_text() -> None:
    model = Model(thinking)
    play(limited(request("beam_search", **SMALL, step_tokens=50), max_tokens=64), model)
    assert [limit_of(s.parameters) for s in model.asked] == [50] * 8 + [44] * 4 + [34] * 2


@pytest.mark.parametrize("budget", [1, 2, 5, 8, 27, 64, 100])
@pytest.mark.parametrize("more", [{}, {"beams": 4}, {"beams": 3, "expansions": 5}])
def test_there_are_no_more_calls_than_the_budget(budget: int, more: dict[str, int]) -> None:
    model = Model(thinking)
    asked = request("beam_search", budget=budget, **more)
    play(asked, model)
    assert 1 <= len(model.asked) <= (forecast(asked).calls.at_most or 0) == budget


@pytest.mark.parametrize(("budget", "first", "rounds"), [(8, 4, 2), (27, 9, 3), (64, 16, 4), (128, 25, 5)])
def test_a_budget_is_shared_out_evenly_among_beams_expansions_and_steps(
    budget: int, first: int, rounds: int
) -> None:
    found = forecast(request("beam_search", budget=budget))
    assert (len(found.first.samplings) if found.first else 0, found.rounds.at_most) == (first, rounds)
