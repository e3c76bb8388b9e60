"""What every strategy promises, whoever wrote it."""

import pytest

from tts_core.model import Finish, Plan, Sampling, Trace, Vote
from tts_core.run import Past, advance
from tts_core.strategies import strategies
from tts_core.testing import play, request, trace

NAMES = [name for name in strategies() if not name.endswith("_for_tests")]
ANSWERS = ("\\boxed{42}", "\\boxed{7}", "\\boxed{42}", "no idea\nat all, honestly", "\\boxed{42}")


def answering(sampling: Sampling, index: int) -> Trace:
    """A mixed lot: every fifth trace fails, some have no answer."""
    if index % 5 == 4:
        return Trace(index=index, finish=Finish.FAILED)
    return trace(ANSWERS[index % len(ANSWERS)], 10.0 + index % 3, index=index)


@pytest.mark.parametrize("name", NAMES)
def test_it_comes_to_a_vote(name: str) -> None:
    assert play(request(name), answering).winners


@pytest.mark.parametrize("name", NAMES)
def test_it_decides_the_same_twice(name: str) -> None:
    assert play(request(name), answering) == play(request(name), answering)


@pytest.mark.parametrize("name", NAMES)
def test_it_survives_that_every_trace_fails(name: str) -> None:
    found = play(request(name), lambda _, index: Trace(index=index, finish=Finish.FAILED))
    assert found.winners == ()


@pytest.mark.parametrize("name", NAMES)
def test_it_votes_when_no_further_round_may_be_asked_for(name: str) -> None:
    plan = advance(request(name), [])
    assert isinstance(plan, Plan)
    from tts_core.model import Round

    last = Round((answering(plan.samplings[0], 0),), last=True)
    assert isinstance(advance(request(name), [Past(len(plan.samplings), last)]), Vote)


@pytest.mark.parametrize("name", NAMES)
def test_it_says_what_it_is(name: str) -> None:
    registered = strategies()[name]
    assert registered.summary.endswith(".")
    assert all(option.doc for option in registered.options.values())


@pytest.mark.parametrize("name", [name for name in NAMES if "budget" in strategies()[name].options])
@pytest.mark.parametrize("budget", [1, 3])
def test_it_samples_no_more_than_its_budget(name: str, budget: int) -> None:
    sampled: list[int] = []

    def counting(sampling: Sampling, index: int) -> Trace:
        if not sampling.judge:
            sampled.append(index)
        return answering(sampling, index)

    play(request(name, budget=budget), counting)
    assert 1 <= len(sampled) <= budget
