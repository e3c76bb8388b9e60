"""DeepConf online: warm-up, threshold, early stopping of traces and of the run."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts_core.confidence import GroupWindow, group_confidences
from tts_core.model import Confidence, Finish, Plan, Round, Sampling, Trace, Until, Vote, Why
from tts_core.run import Past, advance
from tts_core.stopping import met, stays_ahead
from tts_core.strategies.deepconf_online import auto_window, warmup_threshold
from tts_core.testing import play, request, trace
from tts_core.tracing import Chunk, TraceBuilder

CASES = [json.loads(path.read_text()) for path in sorted(Path(__file__).parents[1].glob("golden/*.json"))]
ONLINE = [case for case in CASES if case["kind"] == "online"]


def reading(sampling: Sampling, choice: dict[str, Any]) -> TraceBuilder:
    """A stream of the choice, left at the token where it is to stop."""
    builder = TraceBuilder(sampling)
    for entry in choice["logprobs"]["content"]:
        builder.add(Chunk(top_logprobs=[[top["logprob"] for top in entry["top_logprobs"]]]))
        if builder.below:
            return builder
    builder.add(Chunk(text=choice["message"]["content"], finish="stop"))
    return builder


@pytest.mark.parametrize("case", ONLINE, ids=lambda case: case["id"])
def test_the_papers_worked_case(case: dict[str, Any]) -> None:
    params, expected = case["params"], case["expected"]["paper"]
    asked = request(
        "deepconf",
        mode="online",
        budget=params["total_budget"],
        warmup=params["warmup_traces"],
        eta=params["confidence_percentile"],
        consensus=params["tau"],
    )
    sampling = replace(
        asked.sampling, window_tokens=params["window_size"], top_logprobs=params["top_logprobs"]
    )
    log: dict[int, int | None] = {}
    tokens: list[int] = []

    def answering(wanted: Sampling, index: int) -> Trace:
        builder = reading(replace(wanted, answer_format="boxed"), case["choices"][index])
        tokens.append(builder.tokens)
        if index >= params["warmup_traces"]:
            log[index] = builder.tokens - 1 if builder.below else None
        finish = Finish.STOPPED if builder.below else Finish.STOP
        answer = None if builder.below else builder.answer()
        return Trace(
            index=index,
            finish=finish,
            answer=answer,
            confidence=builder.confidence(),
            tokens=builder.tokens,
        )

    vote = play(replace(asked, sampling=sampling), answering)
    assert vote.threshold == pytest.approx(expected["threshold"], abs=1e-9)
    assert log == {row["trace"]: row["stopped_at"] for row in expected["log"]}
    assert sum(tokens) == expected["tokens"]
    assert {found.answer: found.weight for found in vote.classes} == pytest.approx(
        expected["votes"], abs=1e-9
    )
    assert vote.consensus == pytest.approx(expected["beta"], abs=1e-9)


@given(st.lists(st.floats(0.1, 25), min_size=1, max_size=300), st.integers(1, 40))
def test_the_streaming_window_is_the_arrays_twin(values: list[float], window: int) -> None:
    groups = GroupWindow(window)
    found = [groups.push(values[: count + 1]) for count in range(len(values))]
    streamed = [group for group in found if group is not None]
    wanted = group_confidences(values, window) if len(values) >= window else []
    assert streamed == pytest.approx(list(wanted), abs=1e-9)


def test_the_streaming_window_does_not_drift() -> None:
    values = list(np.random.default_rng(0).uniform(0, 25, 10_000))
    groups = GroupWindow(64)
    for count in range(1, len(values) + 1):
        last = groups.push(values[:count])
    assert last == pytest.approx(np.mean(values[-64:]), abs=1e-9)


def sure(confidence: float) -> list[float]:
    """Two alternatives whose mean is -confidence."""
    return [-confidence, -confidence]


def guarded(stop_below: float | None, window: int = 4) -> TraceBuilder:
    return TraceBuilder(Sampling(model="m", messages=(), stop_below=stop_below, window_tokens=window))


def test_a_trace_is_stopped_at_the_first_group_below_the_threshold() -> None:
    builder = guarded(5.0)
    seen = []
    for confidence in [9, 9, 9, 9, 1, 1, 1]:
        builder.add(Chunk(top_logprobs=[sure(confidence)]))
        seen.append(builder.below)
    assert seen == [False, False, False, False, False, False, True]


def test_a_group_at_the_threshold_goes_on() -> None:
    builder = guarded(5.0)
    builder.add(Chunk(top_logprobs=[sure(5.0)] * 4))
    assert not builder.below


def test_no_trace_is_stopped_before_its_window_is_full() -> None:
    builder = guarded(5.0)
    builder.add(Chunk(top_logprobs=[sure(1.0)] * 3))
    assert not builder.below


def test_a_guard_that_comes_later_judges_what_was_said_before() -> None:
    builder = guarded(None)
    builder.add(Chunk(top_logprobs=[sure(c) for c in [9, 1, 1, 1, 1, 9, 9, 9, 9]]))
    assert not builder.below
    builder.guard(Sampling(model="m", messages=(), stop_below=5.0, window_tokens=4))
    assert builder.below


def test_several_tokens_in_one_chunk_are_judged_one_by_one() -> None:
    builder = guarded(5.0)
    builder.add(Chunk(top_logprobs=[sure(c) for c in [9, 1, 1, 1, 1, 9, 9, 9, 9]]))
    assert builder.below


@pytest.mark.parametrize(
    ("length", "window"),
    [(3000, 300), (640, 64), (256, 64), (100_000, 2048), (100, 25), (8, 2), (1, 1), (0, 1)],
)
def test_the_window_follows_the_warm_ups_median_length(length: float, window: int) -> None:
    assert auto_window(length)[0] == window


def test_short_traces_are_warned_of() -> None:
    assert "short" in auto_window(100)[1][0]
    assert auto_window(1000)[1] == ()


def lowest(*values: float) -> list[Trace]:
    return [
        Trace(index=i, finish=Finish.STOP, confidence=Confidence(value, value, value, value))
        for i, value in enumerate(values)
    ]


def test_eta_is_the_share_of_the_warm_up_that_is_kept() -> None:
    traces = lowest(*map(float, range(1, 12)))
    assert warmup_threshold(traces, 90) == pytest.approx(2.0)
    assert warmup_threshold(traces, 10) == pytest.approx(10.0)


def test_failed_traces_set_no_threshold() -> None:
    failed = replace(lowest(0.1)[0], finish=Finish.FAILED)
    assert warmup_threshold([failed, *lowest(5.0)], 90) == 5.0


def answers(*said: str, confidence: float = 10.0) -> list[Trace]:
    return [trace(f"\\boxed{{{text}}}", confidence, index=i) for i, text in enumerate(said)]


def test_a_clear_warm_up_ends_the_run() -> None:
    asked = request("deepconf", mode="online", budget=16, warmup=4)
    sampling = replace(asked.sampling, window_tokens=8)
    step = advance(
        replace(asked, sampling=sampling), [Past(4, Round(tuple(answers("42", "42", "42", "42"))))]
    )
    assert isinstance(step, Vote)
    assert step.decided


def test_two_of_two_are_no_consensus() -> None:
    asked = request("deepconf", mode="online", budget=16, warmup=2)
    sampling = replace(asked.sampling, window_tokens=8)
    step = advance(replace(asked, sampling=sampling), [Past(2, Round(tuple(answers("42", "42"))))])
    assert isinstance(step, Plan)


def test_the_rest_is_sampled_under_the_threshold() -> None:
    asked = request("deepconf", mode="online", budget=10, warmup=4)
    sampling = replace(asked.sampling, window_tokens=8)
    step = advance(replace(asked, sampling=sampling), [Past(4, Round(tuple(answers("1", "2", "3", "4"))))])
    assert isinstance(step, Plan)
    assert len(step.samplings) == 6
    assert step.samplings[0].stop_below == pytest.approx(10.0)


def test_an_asynchronous_warm_up_starts_everything_at_once() -> None:
    step = advance(request("deepconf", mode="online", budget=10, warmup=4, warmup_mode="async"), [])
    assert isinstance(step, Plan)
    assert (len(step.samplings), len(step.ahead)) == (4, 6)


def test_a_warm_up_without_logprobs_sets_no_threshold_and_says_so() -> None:
    asked = request("deepconf", mode="online", budget=8, warmup=4)

    def answering(_: Sampling, index: int) -> Trace:
        return trace(f"\\boxed{{{index % 3}}}", None, index=index)

    vote = play(asked, answering)
    assert vote.threshold is None
    assert "without usable logprobs" in vote.warnings[0]


def test_few_kept_warm_up_traces_are_warned_of() -> None:
    vote = play(
        request("deepconf", mode="online", budget=6, warmup=4, eta=10),
        lambda _, index: replace(
            trace(f"\\boxed{{{index}}}", 1.0 + index, index=index), token_confidences=(1.0 + index,) * 400
        ),
    )
    assert "warm-up traces were kept" in vote.warnings[0]


@pytest.mark.parametrize(("first", "second"), [(4, 0), (6, 1), (8, 2), (9, 3)])
def test_adaptive_consistency_stops_where_the_paper_does(first: int, second: int) -> None:
    assert stays_ahead(first, second) >= 0.95 > stays_ahead(first - 1, second)


def test_a_beta_rule_closes_a_round() -> None:
    until = Until(beta=0.95, weighted=False)
    assert met(until, answers("42", "42", "42")) is None
    assert met(until, answers("42", "42", "42", "42")) is Why.CONSENSUS


def test_a_consensus_needs_its_votes() -> None:
    until = Until(consensus=0.9)
    assert met(until, answers("42", "42")) is None
    assert met(until, answers("42", "42", "42")) is Why.CONSENSUS


def test_traces_below_the_threshold_make_no_consensus() -> None:
    assert met(Until(consensus=0.9, at_least=11.0), answers("42", "42", "42")) is None


def test_traces_of_the_warm_up_vote_along() -> None:
    until = Until(consensus=0.9, before=tuple(answers("42", "42")))
    assert met(until, answers("42")) is Why.CONSENSUS


def test_so_many_finished_traces_close_a_round() -> None:
    failed = Trace(index=9, finish=Finish.FAILED)
    assert met(Until(finished=2), [*answers("1"), failed]) is None
    assert met(Until(finished=2), answers("1", "2")) is Why.COMPLETE


def test_adaptive_consistency_samples_no_more_than_it_needs() -> None:
    vote = play(request("adaptive_consistency", budget=32), lambda _, i: trace("\\boxed{42}", index=i))
    assert len(vote.voters) == 4


def test_the_first_m_to_finish_vote_and_ties_go_to_the_shortest() -> None:
    said = {0: ("1", 30, 3.0), 1: ("2", 20, 2.0), 2: ("3", 10, 2.5), 3: ("3", 99, 9.0)}

    def answering(_: Sampling, index: int) -> Trace:
        text, tokens, elapsed_s = said[index]
        return trace(f"\\boxed{{{text}}}", index=index, tokens=tokens, elapsed_s=elapsed_s)

    vote = play(request("short_m_at_k", budget=4, first=3), answering)
    assert (vote.weighted_answer, len(vote.voters)) == ("3", 3)
