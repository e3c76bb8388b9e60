"""An estimate holds whatever the traces say."""

from dataclasses import replace
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tts_core.errors import StrategyFault
from tts_core.estimating import Extent, Rule, forecast
from tts_core.model import Finish, Plan, Request, Sampling, Strategy, Trace, Vote
from tts_core.registry import strategy
from tts_core.run import advance
from tts_core.strategies import strategies
from tts_core.testing import play, request, trace

NAMES = [name for name in strategies() if not name.endswith("_for_tests")]
ONLINE = {"mode": "online", "warmup": 4}
TOLD = some.lists(
    some.tuples(some.sampled_from(("\\boxed{1}", "\\boxed{2}", "no idea\nat all", "")), some.floats(1, 20)),
    min_size=8,
    max_size=8,
)


@strategy("endless_for_tests")
def endless(asked: Request) -> Strategy:
    """Never has enough."""
    while True:
        yield Plan((asked.sampling,))


@strategy("fails_without_traces_for_tests")
def fails_without_traces(asked: Request) -> Strategy:
    """Divides by what came back."""
    round_ = yield Plan((asked.sampling,) * 3)
    return Vote(winners=(1 // sum(trace.usable for trace in round_.traces),))


@strategy("fails_at_once_for_tests")
def fails_at_once(asked: Request) -> Strategy:
    """Does not come to a plan."""
    yield Plan((asked.sampling,) * (1 // len(asked.options)))
    return Vote(winners=())


@strategy("ahead_in_vain_for_tests")
def ahead_in_vain(asked: Request) -> Strategy:
    """Starts what it does not come back to."""
    yield Plan((asked.sampling,) * 2, ahead=(asked.sampling,) * 3)
    return Vote(winners=())


def sampled(asked: Request, told: list[tuple[str, float]], judged: list[int] | None = None) -> int:
    """How many calls a run takes whose traces say this; the empty word is a failure. Those that judge are
    added to `judged`."""
    numbers = count(1)
    taken = 0

    def answering(sampling: Sampling, index: int) -> Trace:
        nonlocal taken
        taken = next(numbers)
        if sampling.judge and judged is not None:
            judged.append(index)
        text, confidence = told[index % len(told)]
        if not text:
            return Trace(index=index, finish=Finish.FAILED)
        kept = (confidence,) * 300 if sampling.keep_confidences else ()
        return trace(text, confidence, index=index, tokens=300, token_confidences=kept)

    play(asked, answering)
    return taken


@pytest.mark.parametrize("name", NAMES)
@given(told=TOLD)
def test_no_run_asks_for_more_or_less(name: str, told: list[tuple[str, float]]) -> None:
    found = forecast(request(name)).calls
    assert found.at_least <= sampled(request(name), told) <= (found.at_most or 0)


@given(told=TOLD, ahead=some.booleans(), warmup=some.integers(1, 8))
def test_no_online_run_asks_for_more_or_less(
    told: list[tuple[str, float]], ahead: bool, warmup: int
) -> None:
    mode = "async" if ahead else "sync"
    asked = request("deepconf", mode="online", warmup=warmup, warmup_mode=mode)
    found = forecast(replace(asked, sampling=replace(asked.sampling, window_tokens=None))).calls
    assert found.at_least <= sampled(asked, told) <= (found.at_most or 0)


@pytest.mark.parametrize("name", NAMES)
def test_the_first_round_is_what_the_strategy_asks_for_first(name: str) -> None:
    assert forecast(request(name)).first == advance(request(name), [])


@pytest.mark.parametrize("name", [name for name in NAMES if "budget" in strategies()[name].options])
def test_a_budget_is_the_most(name: str) -> None:
    found = forecast(request(name, budget=7))
    assert found.calls.at_most == 7 + (found.judge_calls.at_most or 0)


@pytest.mark.parametrize("name", [name for name in NAMES if forecast(request(name)).judge_calls.at_most])
@given(told=TOLD)
def test_no_run_calls_more_judges(name: str, told: list[tuple[str, float]]) -> None:
    judged: list[int] = []
    found = forecast(request(name)).judge_calls
    sampled(request(name), told, judged)
    assert found.at_least <= len(judged) <= (found.at_most or 0)


def test_a_consensus_stop_makes_the_fewest_calls() -> None:
    found = forecast(request("adaptive_consistency", budget=20))
    assert found.calls == Extent(4, 20)
    assert found.rules == (Rule("certainty", 0, 0.95),)


def test_online_may_end_with_the_warmup() -> None:
    found = forecast(request("deepconf", budget=10, **ONLINE))
    assert (found.rounds, found.calls) == (Extent(1, 2), Extent(4, 10))
    assert found.rules == (Rule("consensus", 1, 0.95), Rule("threshold", 1))


def test_what_was_started_ahead_in_vain_counts() -> None:
    assert forecast(request("ahead_in_vain_for_tests")).calls == Extent(2, 5)


def test_a_strategy_without_an_end_has_no_bound() -> None:
    found = forecast(request("endless_for_tests"))
    assert (found.rounds.at_most, found.calls.at_most, found.completion_tokens) == (None, None, None)
    assert "did not end" in found.warnings[0]


def test_a_strategy_that_fails_in_one_world_is_told() -> None:
    found = forecast(request("fails_without_traces_for_tests"))
    assert found.calls == Extent(3, 3)
    assert "all traces fail" in found.warnings[0]


def test_a_strategy_that_fails_at_once_has_no_forecast() -> None:
    with pytest.raises(StrategyFault):
        forecast(request("fails_at_once_for_tests"))


@pytest.mark.parametrize(
    ("parameters", "tokens"),
    [
        ({"max_tokens": 100}, 800),
        ({"max_completion_tokens": 50}, 400),
        ({"max_tokens": 100, "max_completion_tokens": 50}, 800),
        ({}, None),
    ],
)
def test_tokens_are_bounded_by_the_limit_of_every_call(
    parameters: dict[str, int], tokens: int | None
) -> None:
    asked = request("self_consistency", budget=8)
    limited = replace(asked, sampling=replace(asked.sampling, parameters=parameters))
    assert forecast(limited).completion_tokens == tokens
