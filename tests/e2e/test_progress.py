"""What a streaming client is told while the run goes on."""

import time
from typing import Any

import pytest
from asking import ask
from openai import APIError, OpenAI
from scripted_upstream import Call, Reply, ScriptedUpstream, cut, text

SAID = "It is well known that \\boxed{42}"


def chunks(client: OpenAI, **changes: Any) -> list[Any]:
    return list(ask(client, stream=True, **changes))


def words(found: list[Any]) -> list[dict[str, Any]]:
    """The `tts` extensions."""
    return [c.choices[0].delta.tts for c in found if c.choices and hasattr(c.choices[0].delta, "tts")]


def test_every_trace_is_told_of(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda _call: text(SAID)
    told = words(chunks(client, extra_body={"tts_budget": 3, "tts_progress": True}))
    assert [word["type"] for word in told] == ["round", "trace", "trace", "trace"]
    assert (told[-1]["ended"], told[-1]["planned"], told[-1]["leader"]) == (3, 3, "42")


def test_chat_uis_see_it_as_thinking(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda _call: text(SAID)
    found = chunks(client, extra_body={"tts_budget": 2, "tts_progress": True})
    thought = "".join(getattr(c.choices[0].delta, "reasoning_content", None) or "" for c in found)
    assert "Trace 2 of 2: 42 (confidence 15.0)" in thought
    assert "".join(c.choices[0].delta.content or "" for c in found) == SAID


def test_traces_are_told_of_as_they_end(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda call: text(SAID, token_s=0.0 if call.index == 0 else 0.3)
    stream = ask(client, stream=True, extra_body={"tts_budget": 2, "tts_progress": True})
    seen = [time.monotonic() for chunk in stream if words([chunk])]
    assert seen[-1] - seen[1] > 1.0


def test_the_threshold_is_told_of(client: OpenAI, upstream: ScriptedUpstream) -> None:
    def reply(call: Call) -> Reply:
        return text(f"{'word ' * 20}\\boxed{{{call.index}}}", token_s=0.01)

    upstream.reply = reply
    body = {"tts_mode": "online", "tts_budget": 6, "tts_warmup": 3, "tts_window_size": 4}
    told = words(chunks(client, extra_body={**body, "tts_warmup_mode": "async", "tts_progress": True}))
    assert "threshold" in [word["type"] for word in told]


def test_a_single_trace_streams_through_token_by_token(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda _call: text(SAID, token_s=0.15)
    stream = ask(client, stream=True, extra_body={"tts_strategy": "single"})
    arrived = [(time.monotonic(), c.choices[0].delta.content) for c in stream if c.choices[0].delta.content]
    assert "".join(piece for _, piece in arrived) == SAID
    assert len(arrived) > 5
    assert arrived[-1][0] - arrived[0][0] > 0.8


def test_a_single_trace_keeps_its_logprobs_and_usage(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda _call: text(SAID)
    found = chunks(
        client,
        logprobs=True,
        top_logprobs=2,
        stream_options={"include_usage": True},
        extra_body={"tts_strategy": "single"},
    )
    entries = [
        e for c in found if c.choices and c.choices[0].logprobs for e in c.choices[0].logprobs.content
    ]
    assert "".join(entry.token for entry in entries) == SAID
    assert {len(entry.top_logprobs) for entry in entries} == {2}
    assert found[-1].usage.completion_tokens == len(entries)


def test_a_single_trace_that_breaks_off_is_an_error_and_not_said_twice(
    client: OpenAI, upstream: ScriptedUpstream
) -> None:
    upstream.reply = lambda _call: cut(3)
    with pytest.raises(APIError):
        chunks(client, extra_body={"tts_strategy": "single"})
    assert len(upstream.calls) == 1
