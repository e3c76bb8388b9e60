"""The scripted upstream keeps its word: what a test scripts is what a client gets."""

import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from statistics import fmean

import httpx
import msgspec
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted_upstream import (
    PROMPT_TOKENS,
    ScriptedUpstream,
    choices,
    cut,
    drop,
    error,
    garbage,
    hang,
    raw,
    reasoning,
    split_tokens,
    text,
    tool_calls,
)
from scripted_upstream.completion import spread

ASKED = {"model": "m", "messages": [{"role": "user", "content": "6*7?"}]}
WITH_LOGPROBS = {**ASKED, "logprobs": True, "top_logprobs": 20}
STREAMED = {**WITH_LOGPROBS, "stream": True, "stream_options": {"include_usage": True}}
ANSWER = "Six times seven is \\boxed{42}."
WEATHER = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "weather", "arguments": '{"city":"Paris"}'},
}
CAPTURE = (
    b"HTTP/1.1 200 OK\r\nServer: llama.cpp\r\nTransfer-Encoding: chunked\r\n\r\n"
    b'data: {"choices":[{"delta":{"role":"assistant","content":null}}]}\n\n'
    b"data: [DONE]\n\n"
)


@pytest.fixture
def upstream():
    with ScriptedUpstream() as upstream:
        yield upstream


@pytest.fixture
def http(upstream):
    with httpx.Client(base_url=upstream.base_url, timeout=5, trust_env=False) as client:
        yield client


@pytest.fixture
def sdk(upstream, http):
    return openai.OpenAI(base_url=upstream.base_url, api_key="k", max_retries=0, http_client=http)


def recorded_choice(*words):
    """A choice as an upstream once sent it, with candidates no script would invent."""
    content = [
        {"token": word, "logprob": -0.5, "bytes": None, "id": 9, "top_logprobs": []} for word in words
    ]
    message = {"role": "assistant", "content": "".join(words)}
    return {"message": message, "finish_reason": "length", "logprobs": {"content": content}}


def socket_answer(upstream, body):
    """Everything the upstream sends until it closes."""
    url = httpx.URL(upstream.base_url)
    request = b"POST /v1/chat/completions HTTP/1.1\r\nhost: u\r\ncontent-length: %d\r\n\r\n"
    received = b""
    with socket.create_connection((url.host, url.port), timeout=10) as connection:
        connection.sendall(request % len(body) + body)
        while data := connection.recv(65536):
            received += data
    return received


def post(http, body=STREAMED):
    return http.post("/chat/completions", json=body)


def events(response):
    return [
        msgspec.json.decode(data)
        for data in re.findall(r"data: (.+)\n\n", response.text)
        if data != "[DONE]"
    ]


def content(response):
    shown = [choice for event in events(response) for choice in event["choices"]]
    return "".join(choice["delta"].get("content") or "" for choice in shown)


def entries(response):
    shown = [choice for event in events(response) for choice in event["choices"]]
    return [entry for choice in shown if choice["logprobs"] for entry in choice["logprobs"]["content"]]


def confidences(response):
    return [-fmean(top["logprob"] for top in entry["top_logprobs"]) for entry in entries(response)]


def test_the_sdk_streams_a_text_with_usage(upstream, sdk):
    upstream.reply = lambda call: text(ANSWER)
    chunks = list(sdk.chat.completions.create(**STREAMED))
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == ANSWER
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
    assert chunks[-1].choices == []
    assert chunks[-1].usage.completion_tokens == len(split_tokens(ANSWER))
    assert chunks[-1].usage.prompt_tokens == PROMPT_TOKENS


def test_the_sdk_reads_a_plain_completion(upstream, sdk):
    upstream.reply = lambda call: text(ANSWER, finish="length", message_extra={"refusal": "no"})
    completion = sdk.chat.completions.create(**WITH_LOGPROBS)
    choice = completion.choices[0]
    assert choice.message.content == ANSWER
    assert choice.message.refusal == "no"
    assert choice.finish_reason == "length"
    assert len(choice.logprobs.content) == completion.usage.completion_tokens


def test_no_usage_comes_unless_it_is_asked_for(http):
    shown = events(post(http, {**STREAMED, "stream_options": None}))
    assert not any("usage" in event for event in shown)


@pytest.mark.parametrize("k", [1, 2, 5, 20])
def test_each_token_has_the_asked_number_of_candidates_itself_first(http, k):
    for entry in entries(post(http, {**STREAMED, "top_logprobs": k})):
        values = [top["logprob"] for top in entry["top_logprobs"]]
        assert len(values) == k
        assert values == sorted(values, reverse=True)
        assert entry["top_logprobs"][0]["token"] == entry["token"]
        assert bytes(entry["bytes"]).decode() == entry["token"]


def test_the_confidence_of_every_token_is_the_scripted_one(upstream, http):
    upstream.reply = lambda call: text("a b c d e", confidence=lambda i: 4.0 + i, dip=(1, 3, 0.5))
    assert confidences(post(http)) == [4.0, 0.5, 0.5, 7.0, 8.0]


@given(st.integers(1, 25_000), st.integers(1, 50))
def test_a_spread_has_its_confidence_as_mean_and_no_positive_logprob(sixteenths, k):
    values = spread(sixteenths / 16, k)
    assert -fmean(values) == sixteenths / 16
    assert max(values) <= 0


def test_logprobs_can_be_withheld(upstream, http):
    upstream.reply = lambda call: text(ANSWER, logprobs=False)
    assert entries(post(http)) == []


@given(st.text())
def test_tokens_join_to_the_text(string):
    assert "".join(split_tokens(string)) == string


def test_reasoning_comes_first_and_apart(upstream, http):
    upstream.reply = lambda call: reasoning("so \\boxed{7}", "hm well")
    deltas = [event["choices"][0]["delta"] for event in events(post(http))[:-1]]
    assert [d["reasoning_content"] for d in deltas if "reasoning_content" in d] == ["hm", " well"]
    assert "".join(d.get("content", "") for d in deltas) == "so \\boxed{7}"


def test_the_sdk_assembles_streamed_tool_calls(upstream, sdk):
    upstream.reply = lambda call: tool_calls([WEATHER, {**WEATHER, "id": "call_2"}])
    with sdk.chat.completions.stream(**ASKED) as stream:
        choice = stream.get_final_completion().choices[0]
    assert [call.id for call in choice.message.tool_calls] == ["call_1", "call_2"]
    assert choice.message.tool_calls[1].function.arguments == '{"city":"Paris"}'
    assert choice.finish_reason == "tool_calls"


def test_recorded_choices_take_turns_with_their_logprobs_untouched(upstream, http):
    recorded = [recorded_choice("one", " two"), recorded_choice("three")]
    upstream.reply = lambda call: choices(recorded)
    replayed = [entries(post(http)) for _ in range(3)]
    first, second = (choice["logprobs"]["content"] for choice in recorded)
    assert replayed == [first, second, first]


def test_a_recorded_choice_without_logprobs_stays_without(upstream, http):
    upstream.reply = lambda call: choices([{**recorded_choice("one", " two"), "logprobs": None}])
    response = post(http)
    assert entries(response) == []
    assert content(response) == "one two"


def test_a_recorded_text_that_its_tokens_do_not_spell_arrives_whole(upstream, http):
    choice = recorded_choice("9", "")
    choice["message"]["content"] = "9 ÷ 3"
    upstream.reply = lambda call: choices([choice])
    response = post(http)
    assert content(response) == "9 ÷ 3"
    assert len(entries(response)) == 2


def test_an_error_has_openais_shape_and_its_retry_after(upstream, sdk):
    upstream.reply = lambda call: error(429, message="slow down", code="rate", retry_after=7)
    with pytest.raises(openai.RateLimitError, match="slow down") as raised:
        sdk.chat.completions.create(**ASKED)
    assert raised.value.code == "rate"
    assert raised.value.response.headers["retry-after"] == "7"


def test_an_error_can_have_any_body(upstream, http):
    upstream.reply = lambda call: error(502, body=b"<html>Bad Gateway</html>")
    response = post(http)
    assert (response.status_code, response.content) == (502, b"<html>Bad Gateway</html>")


@pytest.mark.parametrize("body", [ASKED, STREAMED])
def test_a_cut_breaks_the_body_off(upstream, http, body):
    upstream.reply = lambda call: cut(after_tokens=2)
    with pytest.raises(httpx.RemoteProtocolError):
        post(http, body)
    assert upstream.calls[0].tokens_sent == (2 if body is STREAMED else 0)


def test_a_drop_closes_without_a_byte(upstream, http):
    upstream.reply = lambda call: drop()
    with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
        post(http)
    assert not upstream.calls[0].aborted


def test_a_hang_falls_silent_after_its_tokens(upstream, http):
    upstream.reply = lambda call: hang(after_tokens=3)
    with http.stream("POST", "/chat/completions", json=STREAMED, timeout=0.2) as response:
        lines = response.iter_lines()
        said = [next(lines) for _ in range(2 * (1 + 3))]
        with pytest.raises(httpx.ReadTimeout):
            next(lines)
    assert len([line for line in said if line]) == 4


def test_a_hang_after_nothing_sends_no_status_line(upstream, http):
    upstream.reply = lambda call: hang()
    with pytest.raises(httpx.ReadTimeout):
        http.post("/chat/completions", json=STREAMED, timeout=0.2)


def test_garbage_is_an_event_that_is_not_json(upstream, http):
    upstream.reply = lambda call: garbage(after_tokens=1)
    with pytest.raises(msgspec.DecodeError):
        events(post(http))


def test_whole_garbage_is_not_http(upstream, http):
    upstream.reply = lambda call: garbage(whole=True)
    with pytest.raises(httpx.RemoteProtocolError):
        post(http)


def test_a_capture_without_its_framing_is_framed_again(upstream, http):
    upstream.reply = lambda call: raw(CAPTURE)
    response = post(http)
    assert response.content == CAPTURE.partition(b"\r\n\r\n")[2]
    assert response.headers["server"] == "llama.cpp"


def test_a_capture_can_end_too_early(upstream, http, tmp_path):
    (tmp_path / "broken.http").write_bytes(CAPTURE)
    upstream.reply = lambda call: raw(tmp_path / "broken.http", whole=False)
    with pytest.raises(httpx.RemoteProtocolError, match="incomplete chunked read"):
        post(http)


def test_a_connection_serves_call_after_call(upstream, http):
    with http.stream("POST", "/chat/completions", json=STREAMED) as first:
        first.read()
        ours = first.extensions["network_stream"].get_extra_info("client_addr")
    with http.stream("POST", "/chat/completions", json=STREAMED) as second:
        assert second.extensions["network_stream"].get_extra_info("client_addr") == ours


def test_a_connection_can_close_after_a_whole_answer_without_saying_so(upstream):
    upstream.reply = lambda call: text(ANSWER, close_after=True, first_content=None)
    answer = socket_answer(upstream, b'{"stream": true}')
    assert answer.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")
    assert b"connection: close" not in answer.lower()
    assert b'"content":null' in answer


def test_a_client_that_leaves_is_noticed_and_its_stream_stops(upstream, http):
    upstream.reply = lambda call: text("word " * 200, token_s=0.02)
    with http.stream("POST", "/chat/completions", json=STREAMED):
        upstream.wait_for(lambda calls: calls[0].tokens_sent >= 2)
        left_s = time.monotonic()
    (call,) = upstream.wait_for(lambda calls: calls[0].aborted)
    assert not call.done
    assert call.ended_s - left_s < 0.5
    assert call.tokens_sent < 100


def test_a_client_that_leaves_a_silent_call_is_noticed_too(upstream, http):
    upstream.reply = lambda call: hang()
    with pytest.raises(httpx.ReadTimeout):
        http.post("/chat/completions", json=ASKED, timeout=0.1)
    assert upstream.wait_for(lambda calls: calls[0].aborted)


def test_a_client_that_leaves_at_done_has_not_aborted(upstream, http):
    with http.stream("POST", "/chat/completions", json=STREAMED) as response:
        next(line for line in response.iter_lines() if line == "data: [DONE]")
    assert [(call.done, call.aborted) for call in upstream.calls] == [(True, False)]


def test_an_answer_takes_its_scripted_time(upstream, http):
    upstream.reply = lambda call: text("one two three", first_token_s=0.1, token_s=0.05)
    for body in (ASKED, STREAMED):
        post(http, body)
        call = upstream.calls[-1]
        assert 0.24 <= call.ended_s - call.started_s < 2


def test_calls_show_body_and_headers_in_order_of_arrival(upstream, http):
    for seed in range(3):
        http.post("/chat/completions", json={**ASKED, "seed": seed}, headers={"X-Trace": "t"})
    assert [(call.index, call.body["seed"]) for call in upstream.calls] == [(0, 0), (1, 1), (2, 2)]
    assert upstream.calls[0].headers["x-trace"] == "t"


def test_waiting_in_vain_shows_the_calls(upstream, http):
    post(http, ASKED)
    with pytest.raises(TimeoutError, match=r"Call\(index=0"):
        upstream.wait_for(lambda calls: len(calls) > 1, timeout_s=0.05)


def test_an_error_in_a_script_cuts_the_client_off_and_reaches_the_test():
    upstream = ScriptedUpstream()
    upstream.reply = lambda call: text(ANSWER, confidence=lambda index: 1 / 0)

    def ask():
        with upstream, pytest.raises(httpx.RemoteProtocolError):
            httpx.post(upstream.base_url + "/chat/completions", json=STREAMED, trust_env=False)

    with pytest.raises(ZeroDivisionError):
        ask()


def test_models_are_listed_or_missing(upstream, http, sdk):
    upstream.models = ["a/b", "c"]
    assert [model.id for model in sdk.models.list()] == ["a/b", "c"]
    upstream.models = None
    assert http.get("/models").status_code == 404
    assert upstream.requests == ["GET /v1/models"] * 2


def test_a_closed_port_refuses_and_breaks_off_and_can_open_again(upstream, http):
    upstream.reply = lambda call: hang(after_tokens=1)
    with http.stream("POST", "/chat/completions", json=STREAMED) as response:
        upstream.close_port()
        with pytest.raises(httpx.RemoteProtocolError):
            response.read()
    with pytest.raises(httpx.ConnectError):
        post(http)
    upstream.open_port()
    assert http.get("/models").status_code == 200
    assert not upstream.calls[0].aborted


def test_a_port_that_stops_accepting_lets_running_streams_end(upstream, http):
    upstream.reply = lambda call: text(ANSWER, token_s=0.02)
    with http.stream("POST", "/chat/completions", json=STREAMED) as response:
        upstream.stop_accepting()
        assert response.read().endswith(b"[DONE]\n\n")
    with pytest.raises(httpx.ConnectError):
        httpx.get(upstream.base_url + "/models", trust_env=False)


def test_six_hundred_streams_run_at_once(upstream):
    upstream.reply = lambda call: text(ANSWER, first_token_s=3.0, close_after=True)
    body = msgspec.json.encode({**STREAMED, "top_logprobs": 2})
    with ThreadPoolExecutor(600) as pool:
        answers = list(pool.map(lambda _: socket_answer(upstream, body), range(600)))
    assert all(b"data: [DONE]" in answer for answer in answers)
    begun_s = max(call.started_s for call in upstream.calls)
    assert begun_s < min(call.ended_s for call in upstream.calls)
