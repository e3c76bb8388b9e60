"""Early stopping, judged by what the upstream saw."""

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from asking import QUESTION, ask, choose, post
from openai import OpenAI
from scripted_upstream import Call, Reply, ScriptedUpstream, split_tokens, text
from scripted_upstream.exchange import Step, Wait
from service import Service

from workers.call import seed_of

WARMUP = 4
WORDS = "word " * 60
RIGHT, WRONG = WORDS + "\\boxed{42}", WORDS + "\\boxed{7}"
DIP_AT = 30
TRACE_STRIDE = seed_of(0, 0, 1)
ONLINE = {"tts_mode": "online", "tts_budget": 10, "tts_warmup": WARMUP, "tts_window_size": 8}


def trace_index(call: Call) -> int:
    """Which trace of a request with seed 0 is calling; the order of arrival does not tell it."""
    return call.body["seed"] // TRACE_STRIDE


def when_asked(upstream: ScriptedUpstream, calls: int, reply: Reply) -> Reply:
    """The reply, held back until so many calls have come: none of them is stopped before it began."""

    def steps(call: Call) -> Iterator[Step]:
        while len(upstream.calls) < calls:
            yield Wait(0.01)
        yield from reply.steps(call)

    return Reply(steps)


def stopped_with_it(told: dict[str, Any]) -> int:
    """How many traces did not vote; those that had not ended within the grace of a stop are not told of."""
    stopped: int = told["traces_stopped_early"]
    assert stopped == told["num_traces"] - told["traces_used"]
    return stopped


def mixed(call: Call) -> Reply:
    """Right traces are sure of themselves; wrong ones waver in the middle. Nobody agrees in the warm-up."""
    if call.index < WARMUP:
        return text(f"{WORDS}\\boxed{{{call.index % 2}}}", confidence=12.0 + call.index / 10)
    if call.index % 2:
        return text(WRONG, confidence=15.0, dip=(DIP_AT, 60, 5.0), token_s=0.01)
    return text(RIGHT, confidence=15.0, token_s=0.01)


def test_weak_traces_are_stopped_as_they_are_written(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.reply = mixed
    told = choose(client, extra_body=ONLINE).tts_metadata
    assert told["threshold"] == pytest.approx(12.03)
    assert told["traces_stopped_early"] == 3
    upstream.wait_for(lambda calls: all(call.aborted for call in calls[WARMUP:] if call.index % 2))


def test_a_stopped_trace_costs_only_a_few_tokens_more(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.reply = mixed
    choose(client, extra_body=ONLINE)
    stopped = [call.tokens_sent for call in upstream.calls[WARMUP:] if call.index % 2]
    fell_below_at = DIP_AT + 3
    assert all(fell_below_at <= sent <= fell_below_at + 6 for sent in stopped)


def test_stopped_traces_do_not_vote(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.reply = mixed
    told = choose(client, extra_body={**ONLINE, "tts_include_traces": True}).tts_metadata
    stopped = [trace for trace in told["traces"] if trace["stop_reason"] == "threshold"]
    assert len(stopped) == 3
    assert not any(trace["voted"] for trace in stopped)
    assert told["answer"] == "42"


def test_tokens_of_stopped_traces_are_counted_and_savings_estimated(
    client: OpenAI, upstream: ScriptedUpstream
) -> None:
    upstream.reply = mixed
    done = ask(client, extra_body=ONLINE)
    told = done.choices[0].tts_metadata
    sent = sum(call.tokens_sent for call in upstream.calls)
    assert sent - 20 <= done.usage.completion_tokens <= sent
    assert told["tokens"]["saved_is_estimate"]
    length = len(split_tokens(RIGHT))
    assert told["tokens"]["saved"] == pytest.approx(10 * length - sent, abs=25)
    assert "no account of 3 calls" in " ".join(told["warnings"])


def test_a_consensus_stops_the_traces_still_running(client: OpenAI, upstream: ScriptedUpstream) -> None:
    def reply(call: Call) -> Reply:
        if call.index < WARMUP:
            return text(f"{WORDS}\\boxed{{{min(call.index, 1)}}}", confidence=1.0 + call.index)
        if call.index < WARMUP + 3:
            return text(WORDS + "\\boxed{1}", confidence=300.0)
        return text(WORDS * 20, confidence=15.0, token_s=0.02)

    upstream.reply = reply
    started = time.monotonic()
    told = choose(client, extra_body=ONLINE).tts_metadata
    assert time.monotonic() - started < 3
    assert (told["stopped_by"], told["answer"]) == ("consensus", "1")
    upstream.wait_for(lambda calls: all(call.aborted for call in calls[WARMUP + 3 :]))


def test_a_clear_warm_up_needs_no_second_round(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda _call: text(RIGHT)
    told = choose(client, extra_body=ONLINE).tts_metadata
    assert (told["stopped_by"], told["rounds"], len(upstream.calls)) == ("consensus", 1, WARMUP)


def test_an_asynchronous_warm_up_judges_the_traces_in_flight(
    client: OpenAI, upstream: ScriptedUpstream
) -> None:
    def reply(call: Call) -> Reply:
        if trace_index(call) < WARMUP:
            return text(f"{WORDS}\\boxed{{{trace_index(call)}}}", confidence=12.0, token_s=0.01)
        return text(WORDS * 10, confidence=15.0, dip=(5, 30, 5.0), token_s=0.01)

    upstream.reply = reply
    told = choose(client, seed=0, extra_body={**ONLINE, "tts_warmup_mode": "async"}).tts_metadata
    assert told["traces_stopped_early"] == 6
    first = max(call.started_s for call in upstream.calls) - min(call.started_s for call in upstream.calls)
    assert first < 0.5
    assert all(call.tokens_sent < 200 for call in upstream.calls)


def test_a_consensus_in_the_warm_up_stops_what_was_started_ahead(
    client: OpenAI, upstream: ScriptedUpstream
) -> None:
    def reply(call: Call) -> Reply:
        if trace_index(call) < WARMUP:
            return when_asked(upstream, 10, text(RIGHT))
        return text(WORDS * 50, token_s=0.01)

    upstream.reply = reply
    told = choose(client, seed=0, extra_body={**ONLINE, "tts_warmup_mode": "async"}).tts_metadata
    assert (told["stopped_by"], told["answer"]) == ("consensus", "42")
    assert stopped_with_it(told) <= 10 - WARMUP
    upstream.wait_for(lambda calls: sum(call.aborted for call in calls) == 10 - WARMUP)


def test_the_window_is_chosen_after_the_warm_up(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.reply = mixed
    body = {name: value for name, value in ONLINE.items() if name != "tts_window_size"}
    told = choose(client, extra_body=body).tts_metadata
    assert told["threshold"] == pytest.approx(12.03)
    assert "groups of" in told["warnings"][-1] + told["warnings"][0]


def test_the_seeds_example_works(client: OpenAI, upstream: ScriptedUpstream) -> None:
    body = {"tts_strategy": "deepconf", "tts_mode": "online", "tts_budget": 10}
    told = choose(client, extra_body=body).tts_metadata
    assert (told["mode"], told["answer"]) == ("online", "42")


def test_an_upstream_without_logprobs_votes_unweighted(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda call: text(f"{WORDS}\\boxed{{{call.index % 3}}}", logprobs=False)
    told = choose(client, extra_body=ONLINE).tts_metadata
    assert told["threshold"] is None
    assert any("without usable logprobs" in warning for warning in told["warnings"])


def test_needed_logprobs_are_missed_on_the_first_word(service: Service, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda _call: text(WORDS, logprobs=False, token_s=0.02)
    answer = post(service.url, **ONLINE, tts_require_logprobs=True)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "tts_require_logprobs")
    assert all(call.tokens_sent < 10 for call in upstream.calls)


def test_adaptive_consistency_stops_the_rest_when_decided(
    client: OpenAI, upstream: ScriptedUpstream
) -> None:
    def reply(call: Call) -> Reply:
        return when_asked(upstream, 12, text(RIGHT)) if call.index < 4 else text(WORDS * 20, token_s=0.02)

    upstream.reply = reply
    body = {"tts_strategy": "adaptive_consistency", "tts_budget": 12}
    told = choose(client, extra_body=body).tts_metadata
    assert (told["answer"], told["stopped_by"], told["traces_used"]) == ("42", "consensus", 4)
    assert stopped_with_it(told) <= 8
    upstream.wait_for(lambda calls: sum(call.aborted for call in calls) == 8)


def test_the_first_to_finish_vote_and_the_rest_are_stopped(
    client: OpenAI, upstream: ScriptedUpstream
) -> None:
    def reply(call: Call) -> Reply:
        return when_asked(upstream, 8, text(RIGHT)) if call.index < 3 else text(WORDS * 20, token_s=0.02)

    upstream.reply = reply
    body = {"tts_strategy": "short_m_at_k", "tts_budget": 8, "tts_first": 3}
    told = choose(client, extra_body=body).tts_metadata
    assert (told["answer"], told["traces_used"]) == ("42", 3)
    assert stopped_with_it(told) <= 5
    upstream.wait_for(lambda calls: sum(call.aborted for call in calls) == 5)


def test_a_token_cap_stops_all_traces(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda call: text(RIGHT) if call.index == 0 else text(WORDS * 20, token_s=0.01)
    body = {"tts_strategy": "self_consistency", "tts_budget": 4, "tts_max_total_tokens": 300}
    done = ask(client, extra_body=body)
    assert done.choices[0].tts_metadata["stopped_by"] == "token_cap"
    assert 300 <= done.usage.completion_tokens < 450


def test_a_client_that_leaves_stops_everything_within_two_seconds(
    service: Service, upstream: ScriptedUpstream
) -> None:
    upstream.reply = lambda _call: text(WORDS * 20, token_s=0.05)
    with pytest.raises(httpx.ReadTimeout):
        post_briefly(service, **ONLINE)
    upstream.wait_for(lambda calls: all(call.aborted for call in calls), timeout_s=2)


def test_a_kept_run_goes_on_without_its_client(service: Service, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda _call: text(RIGHT, token_s=0.03)
    with pytest.raises(httpx.ReadTimeout):
        post_briefly(service, tts_strategy="single", tts_keep=True)
    upstream.wait_for(lambda calls: calls[0].done)


def post_briefly(service: Service, **changes: Any) -> None:
    """Ask and leave half a second later."""
    body = {"model": "m", "messages": QUESTION, **changes}
    httpx.post(f"{service.url}/v1/chat/completions", json=body, timeout=0.5)
