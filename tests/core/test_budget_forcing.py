"""Budget forcing: chains think on, come to an answer, and only their last words vote."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tts_core.estimating import limit_of
from tts_core.model import Finish, Plan, Round, Sampling, Trace, Vote
from tts_core.run import Past, advance
from tts_core.testing import play, request, trace


class Model:
    """Writes what it is told to, after whatever it is to go on with; keeps what it was asked."""

    def __init__(self, say: Callable[[Sampling, int], str | Trace]) -> None:
        self.say = say
        self.asked: list[Sampling] = []

    def __call__(self, sampling: Sampling, index: int) -> Trace:
        self.asked.append(sampling)
        said = self.say(sampling, index)
        return trace(sampling.prefill + said, index=index, tokens=10) if isinstance(said, str) else said


def cut(sampling: Sampling, index: int) -> Trace:
    """A trace that has reached its limit."""
    return trace(
        sampling.prefill + "thinking",
        index=index,
        finish=Finish.LENGTH,
        answer=None,
        tokens=limit_of(sampling.parameters),
    )


def test_a_chain_that_has_ended_has_to_wait_and_think_on() -> None:
    model = Model(lambda s, _: " no, \\boxed{42}." if s.prefill else "So \\boxed{7}. \n")
    vote = play(request("budget_forcing", budget=2), model)
    assert [sampling.prefill for sampling in model.asked] == ["", "So \\boxed{7}.\n\nWait"]
    assert (vote.winners, vote.voters, vote.weighted_answer) == ((1,), (1,), "42")


def test_only_the_last_version_of_each_chain_votes() -> None:
    model = Model(lambda s, i: f" \\boxed{{{i}}}" if s.prefill else "\\boxed{7}")
    vote = play(request("budget_forcing", budget=9, waits=2), model)
    assert vote.voters == (6, 7, 8)


def test_the_budget_counts_continuations_too() -> None:
    model = Model(lambda *_: "\\boxed{42}")
    play(request("budget_forcing", budget=8, waits=3), model)
    assert [bool(sampling.prefill) for sampling in model.asked] == [False] * 2 + [True] * 6


def test_a_budget_too_small_for_the_waits_is_told() -> None:
    vote = play(request("budget_forcing", budget=2, waits=3), Model(lambda *_: "\\boxed{42}"))
    assert "room for 1 of 3 waits" in vote.warnings[0]


def test_a_failed_continuation_leaves_the_version_before_it() -> None:
    def say(sampling: Sampling, index: int) -> str | Trace:
        return Trace(index=index, finish=Finish.FAILED) if sampling.prefill else "\\boxed{7}"

    vote = play(request("budget_forcing", budget=2), Model(say))
    assert (vote.voters, vote.weighted_answer) == ((0,), "7")
    assert vote.warnings == ("1 continuations failed; the version before each of them stands.",)


def test_a_continuation_without_a_word_leaves_the_version_before_it() -> None:
    vote = play(request("budget_forcing", budget=2), Model(lambda s, _: "" if s.prefill else "\\boxed{7}"))
    assert (vote.voters, vote.warnings) == ((0,), ())


def test_a_continuation_that_loses_the_answer_leaves_the_version_before_it() -> None:
    model = Model(lambda s, _: ", no." if s.prefill else "The capital of France is Paris.")
    vote = play(request("budget_forcing", budget=2), model)
    assert (vote.voters, vote.weighted_answer) == ((0,), "Paris")
    assert "without coming to an answer again" in vote.warnings[0]


def test_a_chain_that_thinks_too_long_has_to_give_its_answer() -> None:
    model = Model(lambda s, i: " \\boxed{42}" if s.prefill.endswith("Final Answer:") else cut(s, i))
    vote = play(request("budget_forcing", budget=2, waits=0, max_thinking_tokens=100), model)
    assert [limit_of(sampling.parameters) for sampling in model.asked] == [100, None]
    assert (vote.voters, vote.weighted_answer) == ((1,), "42")


def test_waiting_is_a_part_of_the_thinking_that_is_limited() -> None:
    model = Model(lambda *_: "\\boxed{42}")
    play(request("budget_forcing", budget=5, waits=3, max_thinking_tokens=25), model)
    assert [limit_of(sampling.parameters) for sampling in model.asked] == [25, 15, 5]


def test_max_tokens_bounds_the_whole_text() -> None:
    asked = request("budget_forcing", budget=3, waits=2)
    model = Model(lambda *_: "\\boxed{42}")
    limited = replace(asked, sampling=replace(asked.sampling, parameters={"max_tokens": 15}))
    vote = play(limited, model)
    assert [limit_of(sampling.parameters) for sampling in model.asked] == [15, 5]
    assert "leaves no room" in vote.warnings[0]


def test_a_chain_cut_at_max_tokens_is_not_forced_on() -> None:
    model = Model(lambda s, i: trace("thinking", index=i, finish=Finish.LENGTH, answer=None))
    assert play(request("budget_forcing", budget=2), model).winners == (0,)
    assert len(model.asked) == 1


@pytest.mark.parametrize("missing", [0, 1])
def test_a_continuation_belongs_to_its_chain_also_when_others_are_missing(missing: int) -> None:
    asked = request("budget_forcing", budget=4)
    first = Round((trace("\\boxed{1}", index=0), trace("\\boxed{2}", index=1)))
    plan = advance(asked, [Past(2, first)])
    assert isinstance(plan, Plan)
    there = 1 - missing
    text = plan.samplings[there].prefill + " \\boxed{3}"
    last = Round((trace(text, index=2 + there),), last=True)
    vote = advance(asked, [Past(2, first), Past(2, last)])
    assert isinstance(vote, Vote)
    assert vote.voters == tuple(sorted((missing, 2 + there)))
