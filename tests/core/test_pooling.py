"""A strategy played over traces that exist: it sees what it would have seen."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts_core.errors import InvalidRequest
from tts_core.extending import extended
from tts_core.model import Confidence, Finish, Plan, Request, Trace, Vote, Why
from tts_core.pooling import check_replayable, revote
from tts_core.registry import registered, strategy
from tts_core.run import advance
from tts_core.testing import play, request, trace

WINDOW = {"window_tokens": 2}


def said(*answers: object, **changes: Any) -> list[Trace]:
    """A pool: trace i answers answers[i], and takes i seconds."""
    return [
        trace(f"\\boxed{{{answer}}}", index=index, elapsed_s=float(index), **changes)
        for index, answer in enumerate(answers)
    ]


def asking(name: str, **options: object) -> Request:
    asked = request(name, **options)
    return replace(asked, sampling=replace(asked.sampling, **WINDOW))


def test_a_vote_over_the_whole_pool_is_that_of_a_run() -> None:
    pool = said(42, 7, 42)
    asked = request("self_consistency", budget=3)
    assert revote(asked, pool).vote == play(asked, lambda _, index: pool[index])


@given(st.lists(st.sampled_from("1234"), min_size=1, max_size=12), st.integers(1, 16))
def test_offline_strategies_vote_as_if_the_first_of_the_pool_had_been_sampled(
    answers: list[str], budget: int
) -> None:
    pool = said(*answers)
    asked = request("deepconf", budget=min(budget, len(pool)), filter_method="top3")
    assert revote(asked, pool).vote == play(asked, lambda _, index: pool[index])


def test_a_smaller_budget_takes_the_first_of_the_pool() -> None:
    found = revote(request("self_consistency", budget=2), said(42, 42, 7, 7, 7))
    assert [t.index for t in found.traces] == [0, 1]
    assert found.vote.majority_answer == "42"


def test_a_pool_that_is_too_small_is_played_to_its_end() -> None:
    found = revote(asking("deepconf", mode="online", budget=12, warmup=6), said(*"4242"))
    assert (len(found.traces), found.rounds) == (4, 1)


def test_a_trace_that_falls_below_the_threshold_counts_as_stopped() -> None:
    weak = replace(said(*"44447")[4], confidence=Confidence(1, 1, 1, 1), tokens=9)
    asked = asking("deepconf", mode="online", budget=5, warmup=4, consensus=1.0)
    warmup = [replace(t, tokens=9) for t in said(*"4478")]
    stopped = revote(asked, [*warmup, weak]).traces[4]
    assert (stopped.finish, stopped.stop, stopped.answer) == (Finish.STOPPED, Why.THRESHOLD, None)


def test_a_trace_shorter_than_a_group_is_never_stopped() -> None:
    short = replace(said(*"44447")[4], confidence=Confidence(1, 1, 1, 1), tokens=1)
    asked = asking("deepconf", mode="online", budget=5, warmup=4, consensus=1.0)
    found = revote(asked, [*said(*"4478"), short])
    assert found.traces[4].usable
    assert 4 not in found.vote.voters


def test_kept_token_confidences_are_measured_by_the_group_size_asked_for() -> None:
    pool = [replace(t, token_confidences=(8.0, 2.0, 8.0, 2.0)) for t in said(1)]
    asked = request("self_consistency", budget=1)
    found = revote(replace(asked, sampling=replace(asked.sampling, window_tokens=1)), pool).traces[0]
    assert found.confidence is not None
    assert found.confidence.lowest_group == 2.0
    assert found.token_confidences == ()


def test_the_quickest_finish_first_and_the_others_are_stopped() -> None:
    pool = [replace(t, elapsed_s=9.0 - t.elapsed_s) for t in said(*"777444")]
    found = revote(request("short_m_at_k", budget=6, first=3), pool)
    assert found.vote.voters == (3, 4, 5)
    assert [t.stop for t in found.traces[:3]] == [Why.COMPLETE] * 3


def test_a_consensus_ends_the_round_as_it_would_have() -> None:
    found = revote(request("adaptive_consistency", budget=12), said(*"4" * 12))
    assert found.why is Why.CONSENSUS
    assert 0 < sum(t.usable for t in found.traces) < 12


def test_traces_that_were_cut_off_are_counted_and_do_not_vote() -> None:
    cut = replace(said(7, 7)[1], finish=Finish.STOPPED, stop=Why.DEADLINE, answer=None)
    found = revote(request("self_consistency", budget=2), [said(4)[0], cut])
    assert (found.unfinished, found.vote.voters) == (1, (0,))


@pytest.fixture
def asks_again() -> Iterator[str]:
    """A strategy whose second round asks something else."""

    @strategy("asks_again_for_tests")
    def play_twice(asked: Request) -> Any:
        round_ = yield Plan((asked.sampling,))
        other = replace(asked.sampling, messages=({"role": "user", "content": "Sure?"},))
        yield Plan((other,) * len(round_.traces))
        return Vote(winners=())

    yield "asks_again_for_tests"
    del registered()["asks_again_for_tests"]  # type: ignore[attr-defined]


def test_a_strategy_that_asks_further_questions_cannot_be_replayed(asks_again: str) -> None:
    with pytest.raises(InvalidRequest, match="further questions"):
        revote(request(asks_again), said(1, 2))


def test_an_extended_request_keeps_what_followed_from_its_budget() -> None:
    asked = extended(asking("deepconf", mode="online", budget=8), 24)
    plan = advance(asked, [])
    assert isinstance(plan, Plan)
    assert (asked.options["budget"], len(plan.samplings)) == (32, 4)


def test_an_extended_request_keeps_a_warmup_that_the_budget_had_cut() -> None:
    assert extended(request("deepconf", budget=4, warmup=16), 8).options["warmup"] == 4


def test_a_strategy_without_a_budget_cannot_be_extended() -> None:
    with pytest.raises(InvalidRequest, match="no budget"):
        extended(request("single"), 1)


def test_a_stopped_trace_has_the_tokens_it_had_when_its_group_fell() -> None:
    sure, falling = (8.0,) * 6, (8.0, 8.0, 8.0, 1.0, 8.0, 8.0)
    pool = [replace(t, tokens=6, token_confidences=sure) for t in said(*"44442")]
    pool[4] = replace(pool[4], token_confidences=falling)
    asked = asking("deepconf", mode="online", budget=5, warmup=4, consensus=1.0)
    found = revote(asked, [replace(t, answer=p.answer) for t, p in zip(pool, said(*"44782"), strict=True)])
    assert [t.tokens for t in found.traces] == [6, 6, 6, 6, 4]


def test_a_trace_that_others_cut_off_has_the_tokens_of_the_time_it_had() -> None:
    pool = [
        replace(t, elapsed_s=s, tokens=100) for t, s in zip(said(1, 1, 1), (1.0, 2.0, 5.0), strict=True)
    ]
    pool[2] = replace(pool[2], first_token_s=1.0)
    found = revote(request("short_m_at_k", budget=3, first=2), pool)
    assert [t.tokens for t in found.traces] == [100, 100, 25]


@pytest.mark.parametrize("name", ["deepconf", "self_consistency", "single", "adaptive_consistency"])
def test_what_asks_every_trace_the_same_is_known_to_be_replayable(name: str) -> None:
    check_replayable(request(name))


def test_what_asks_further_questions_is_known_before_there_is_a_pool(asks_again: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_replayable(request(asks_again))
    assert caught.value.code == "strategy_not_replayable"
