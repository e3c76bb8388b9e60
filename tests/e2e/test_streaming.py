"""stream: true."""

import json
from typing import Any

import httpx
import pytest
from asking import QUESTION, ask
from openai import APIError, OpenAI
from scripted_upstream import ScriptedUpstream, error, text
from service import Service


def lines(service: Service, **changes: Any) -> list[str]:
    """The lines of a stream as they are on the wire."""
    body = {"model": "m", "messages": QUESTION, "stream": True, **changes}
    with httpx.stream("POST", f"{service.url}/v1/chat/completions", json=body, timeout=30) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        return [line for line in answer.iter_lines() if line]


def test_the_pieces_join_to_the_winners_text(client: OpenAI, upstream: ScriptedUpstream) -> None:
    said = "Six times seven,\n\nas everybody knows: " + "ü" * 200 + " \\boxed{42}"
    upstream.reply = lambda _call: text(said)
    chunks = list(ask(client, stream=True))
    assert chunks[0].choices[0].delta.role == "assistant"
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == said
    assert [c.choices[0].finish_reason for c in chunks if c.choices[0].finish_reason] == ["stop"]


def test_the_role_comes_at_once_and_heartbeats_follow(service: Service, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda _call: text("It is \\boxed{42}", token_s=0.4)
    found = lines(service, tts_budget=2)
    assert '"role": "assistant"' in found[0]
    assert found[1] == ": keep-alive"
    assert found[-1] == "data: [DONE]"


def test_usage_comes_last_when_asked_for(service: Service, upstream: ScriptedUpstream) -> None:
    found = lines(service, tts_budget=2, stream_options={"include_usage": True})
    chunks = [json.loads(line.removeprefix("data: ")) for line in found if line.startswith("data: {")]
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["prompt_tokens"] == 20
    assert all(chunk["usage"] is None for chunk in chunks[:-1])


def test_the_metadata_rides_on_the_finish_chunk(service: Service, upstream: ScriptedUpstream) -> None:
    chunks = [json.loads(line.removeprefix("data: ")) for line in lines(service)[:-1]]
    last = chunks[-1]["choices"][0]
    assert last["finish_reason"] == "stop"
    assert last["tts_metadata"]["answer"] == last["delta"]["tts_metadata"]["answer"] == "42"
    assert all("tts_metadata" not in chunk["choices"][0] for chunk in chunks[:-1])


def test_an_error_after_the_start_is_one_to_the_sdk(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda _call: error(400, message="no such thing")
    with pytest.raises(APIError, match="no such thing"):
        list(ask(client, stream=True, extra_body={"tts_budget": 2}))


def test_bad_input_is_refused_before_the_stream(service: Service, upstream: ScriptedUpstream) -> None:
    body = {"model": "m", "messages": [], "stream": True}
    assert httpx.post(f"{service.url}/v1/chat/completions", json=body).status_code == 400


def test_a_reader_that_leaves_stops_the_upstream(service: Service, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda _call: text("word " * 2000, token_s=0.05)
    body = {"model": "m", "messages": QUESTION, "stream": True, "tts_budget": 3}
    with httpx.stream("POST", f"{service.url}/v1/chat/completions", json=body, timeout=30) as answer:
        next(answer.iter_lines())
        upstream.wait_for(lambda calls: len(calls) == 3)
    upstream.wait_for(lambda calls: all(call.aborted for call in calls), timeout_s=4)
