"""What an upstream can do to us, over a real socket, and what becomes of it."""

import socket
import struct
import time
from pathlib import Path

import pytest
from asking import choose, in_turn, post
from openai import OpenAI
from scripted_upstream import (
    Reply,
    ScriptedUpstream,
    cut,
    drop,
    error,
    garbage,
    hang,
    raw,
    text,
)
from service import Service

from workers.runs import Runs
from workers.store import connect

GOOD = text("It is \\boxed{42}.")


@pytest.mark.parametrize(
    "bad",
    [cut(3), drop(), garbage(2), garbage(whole=True), error(500), error(503), error(429, retry_after=0)],
    ids=["cut", "drop", "garbage", "no http", "500", "503", "429"],
)
def test_a_passing_fault_is_tried_again(client: OpenAI, upstream: ScriptedUpstream, bad: Reply) -> None:
    upstream.reply = lambda call: bad if call.index == 0 else GOOD
    told = choose(client, extra_body={"tts_strategy": "single"}).tts_metadata
    assert (told["answer"], told["traces_failed"], len(upstream.calls)) == ("42", 0, 2)


def test_retry_after_is_honoured(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.reply = in_turn(error(429, retry_after=1), GOOD)
    choose(client, extra_body={"tts_strategy": "single"})
    first, second = upstream.calls
    assert second.started_s - first.ended_s >= 1.0


def test_a_silent_upstream_is_given_up_and_tried_again(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda call: hang(2) if call.index == 0 else GOOD
    assert choose(client, extra_body={"tts_strategy": "single"}).tts_metadata["answer"] == "42"
    assert upstream.wait_for(lambda calls: calls[0].aborted)


def test_one_failed_trace_sinks_nothing(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda call: error(400) if call.index == 1 else GOOD
    told = choose(client, extra_body={"tts_budget": 4}).tts_metadata
    assert (told["answer"], told["num_traces"], told["traces_failed"]) == ("42", 4, 1)


def test_a_refusal_is_not_tried_again(service: Service, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda _call: error(401, message="bad key sk-upstream-secret")
    post(service.url, tts_strategy="single")
    assert len(upstream.calls) == 1


@pytest.mark.parametrize(
    ("bad", "status", "kind"),
    [
        (
            error(400, message="context too long", code="context_length_exceeded"),
            400,
            "invalid_request_error",
        ),
        (error(401), 502, "server_error"),
        (error(403), 502, "server_error"),
        (error(404, message="no such model"), 404, "invalid_request_error"),
        (error(422), 400, "invalid_request_error"),
        (error(429, retry_after=3600), 429, "rate_limit_error"),
    ],
    ids=["400", "401", "403", "404", "422", "429"],
)
def test_a_refusal_of_all_traces_has_its_meaning(
    service: Service, upstream: ScriptedUpstream, bad: Reply, status: int, kind: str
) -> None:
    upstream.reply = lambda _call: bad
    answer = post(service.url, tts_budget=2)
    assert (answer.status_code, answer.json()["error"]["type"]) == (status, kind)
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}


def test_a_busy_upstreams_retry_after_is_handed_on(service: Service, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda _call: error(429, retry_after=3600)
    assert post(service.url, tts_strategy="single").headers["retry-after"] == "3600"


def test_the_upstreams_code_is_handed_on(service: Service, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda _call: error(400, message="too long", code="context_length_exceeded")
    assert post(service.url, tts_strategy="single").json()["error"]["code"] == "context_length_exceeded"


@pytest.mark.parametrize(
    "bad", [cut(1), drop(), garbage(), error(500)], ids=["cut", "drop", "garbage", "500"]
)
def test_an_upstream_that_stays_broken_is_a_502(
    service: Service, upstream: ScriptedUpstream, bad: Reply
) -> None:
    upstream.reply = lambda _call: bad
    answer = post(service.url, tts_strategy="single", tts_deadline_s=20)
    assert (answer.status_code, answer.json()["error"]["type"]) == (502, "server_error")


def test_an_upstream_that_refuses_connections_is_a_502(
    service: Service, upstream: ScriptedUpstream
) -> None:
    upstream.close_port()
    try:
        answer = post(service.url, tts_strategy="single")
    finally:
        upstream.open_port()
    assert answer.status_code == 502
    assert answer.json()["error"]["code"] == "upstream_unreachable"


def test_what_was_spent_in_vain_is_not_spent_again_by_an_sdk(
    service: Service, upstream: ScriptedUpstream
) -> None:
    upstream.reply = lambda call: text("\\boxed{1}") if call.index == 0 else error(400)
    answer = post(service.url, tts_budget=2, tts_min_traces=2)
    assert (answer.status_code, answer.headers["x-should-retry"]) == (502, "false")


def test_refused_logprobs_are_done_without(client: OpenAI, upstream: ScriptedUpstream) -> None:
    refusal = error(400, message="This model does not support logprobs.")
    upstream.reply = lambda call: (
        refusal if call.body.get("logprobs") else text("\\boxed{42}", logprobs=False)
    )
    told = choose(client, extra_body={"tts_budget": 2}).tts_metadata
    assert told["answer"] == "42"
    assert "sampled without them" in told["warnings"][0]


def test_a_deadline_answers_with_the_traces_at_hand(client: OpenAI, upstream: ScriptedUpstream) -> None:
    slow = text("slow " * 200 + "\\boxed{7}", token_s=0.1)
    upstream.reply = lambda call: slow if call.index else GOOD
    started = time.monotonic()
    told = choose(client, extra_body={"tts_budget": 4, "tts_deadline_s": 1}).tts_metadata
    assert time.monotonic() - started < 2.0
    assert (told["answer"], told["stopped_by"], told["traces_stopped_early"]) == ("42", "deadline", 3)
    upstream.wait_for(lambda calls: all(call.aborted for call in calls[1:]))


def test_a_deadline_cuts_a_stalled_stream(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda call: hang(2) if call.index else GOOD
    started = time.monotonic()
    told = choose(client, extra_body={"tts_budget": 2, "tts_deadline_s": 0.8}).tts_metadata
    assert time.monotonic() - started < 1.8
    assert told["stopped_by"] == "deadline"


def test_a_deadline_without_any_trace_is_a_504(service: Service, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda _call: hang()
    answer = post(service.url, tts_budget=2, tts_deadline_s=0.5)
    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "deadline_passed")


def test_fewer_traces_than_asked_for_are_an_error(service: Service, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda call: GOOD if call.index else error(400)
    answer = post(service.url, tts_budget=2, tts_min_traces=2)
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "no_usable_trace")


def test_a_client_that_leaves_stops_the_upstream(service: Service, upstream: ScriptedUpstream) -> None:
    import httpx

    upstream.reply = lambda _call: text("word " * 2000, token_s=0.05)
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(
            f"{service.url}/v1/chat/completions",
            json={"model": "m", "messages": [{"role": "user", "content": "hi"}], "tts_budget": 3},
            timeout=1.0,
        )
    upstream.wait_for(lambda calls: len(calls) == 3 and all(call.aborted for call in calls), timeout_s=4)


@pytest.mark.parametrize(
    "capture",
    ["llamacpp_stream_lp5_usage.http", "llamacpppython_stream_lp5.http", "llamacpp_nonstream_lp20.http"],
)
def test_real_servers_are_understood(client: OpenAI, upstream: ScriptedUpstream, capture: str) -> None:
    upstream.reply = lambda _call: raw(Path(__file__).parents[1] / "wire" / capture)
    choice = choose(client, extra_body={"tts_strategy": "single"})
    assert choice.message.content
    assert choice.tts_metadata["confidence"] > 0


def test_a_stream_that_another_request_interrupted_is_not_taken_for_finished(
    service: Service, upstream: ScriptedUpstream
) -> None:
    interrupted = raw(Path(__file__).parents[1] / "wire" / "llamacpppython_stream_interrupted.http")
    upstream.reply = lambda call: interrupted if call.index == 0 else GOOD
    answer = post(service.url, tts_strategy="single").json()
    assert answer["choices"][0]["message"]["content"] == "It is \\boxed{42}."


def said(*events: bytes, head: bytes = b"") -> Reply:
    """A stream of these events, whatever they are."""
    start = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n" + head
    body = b"".join(b"data: " + event + b"\n\n" for event in events)
    return raw(start + b"transfer-encoding: chunked\r\n\r\n" + body + b"data: [DONE]\n\n")


WHOLE = b'{"choices":[{"index":0,"delta":{"content":"It is \\\\boxed{42}."},"finish_reason":"stop"}]}'
ABORTED = b'{"choices":[{"index":0,"delta":{"content":"It is 4"},"finish_reason":"abort"}]}'
CALLED = b'{"choices":[{"index":0,"delta":{"tool_calls":[{"function":"f"}]},"finish_reason":"tool_calls"}]}'


@pytest.mark.parametrize(
    "bad",
    [said(b'{"choices":[{"delta":{"content":"\xff"}}]}'), said(b"[" * 5000), said(ABORTED)],
    ids=["no UTF-8", "deep", "aborted"],
)
def test_unreadable_streams_are_tried_again(client: OpenAI, upstream: ScriptedUpstream, bad: Reply) -> None:
    upstream.reply = lambda call: bad if call.index == 0 else GOOD
    told = choose(client, extra_body={"tts_strategy": "single"}).tts_metadata
    assert (told["answer"], told["traces_failed"], len(upstream.calls)) == ("42", 0, 2)


@pytest.mark.parametrize(
    "odd",
    [said(WHOLE, head="x-odd: ü\r\n".encode()), said(b'{"choices":null}', WHOLE), said(WHOLE)],
    ids=["header", "null choices", "plain"],
)
def test_odd_streams_are_understood(client: OpenAI, upstream: ScriptedUpstream, odd: Reply) -> None:
    upstream.reply = lambda _call: odd
    told = choose(client, extra_body={"tts_strategy": "single"}).tts_metadata
    assert (told["answer"], len(upstream.calls)) == ("42", 1)


def test_an_ill_formed_tool_call_hangs_nothing(service: Service, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda _call: said(CALLED)
    assert post(service.url, tts_strategy="single").status_code == 200


def test_a_trace_that_said_its_last_word_is_whole_however_its_connection_ended(
    client: OpenAI, upstream: ScriptedUpstream
) -> None:
    body = b"data: " + WHOLE + b"\n\n"
    framed = f"{len(body):x}".encode() + b"\r\n" + body + b"\r\n"
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    upstream.reply = lambda _call: raw(head + framed, close_after=True)
    told = choose(client, extra_body={"tts_strategy": "single"}).tts_metadata
    assert (told["answer"], len(upstream.calls)) == ("42", 1)


def test_probabilities_above_one_hang_nothing(client: OpenAI, upstream: ScriptedUpstream) -> None:
    tops = b'"logprobs":{"content":[{"top_logprobs":[{"logprob":1e308},{"logprob":1e308}]}]}'
    odd = WHOLE.replace(b'"finish_reason"', tops + b',"finish_reason"')
    upstream.reply = lambda _call: said(odd)
    assert choose(client, extra_body={"tts_budget": 2}).tts_metadata["confidence"] is None


def test_a_record_that_cannot_be_read_ends_nobody_elses_deadline(
    service: Service, upstream: ScriptedUpstream
) -> None:
    store = connect(service.store_url)
    store.hset("chorus:run:broken", "submission", b"no JSON")
    Runs(store, 60).schedule("broken", 1.0)
    store.connection_pool.disconnect()
    upstream.reply = lambda _call: hang()
    for _ in range(2):
        started = time.monotonic()
        assert post(service.url, tts_strategy="single", tts_deadline_s=0.5).status_code == 504
        assert time.monotonic() - started < 1.5


def test_a_reader_that_resets_its_connection_at_once_stops_the_upstream(
    service: Service, upstream: ScriptedUpstream
) -> None:
    upstream.reply = lambda _call: text("word " * 2000, token_s=0.05)
    body = b'{"model":"m","messages":[{"role":"user","content":"q"}],"stream":true,"tts_strategy":"single"}'
    host = service.url.removeprefix("http://")
    with socket.create_connection(tuple(host.split(":"))) as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        line.sendall(
            f"POST /v1/chat/completions HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        upstream.wait_for(lambda calls: len(calls) == 1)
    upstream.wait_for(lambda calls: calls[0].aborted, timeout_s=4)
