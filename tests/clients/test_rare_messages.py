"""What few models say and few clients ask for: it comes back all the same."""

import json
from typing import Any

from asking import QUESTION, choose
from clients.official import COMPLETION, check
from openai import OpenAI
from scripted_upstream import Reply, ScriptedUpstream, raw, text
from scripted_upstream.exchange import json_answer

SINGLE = {"tts_strategy": "single"}
CITED = {"url": "https://example.org", "title": "Example", "start_index": 0, "end_index": 2}


def said(*deltas: dict[str, Any], finish: str) -> Reply:
    """A stream of these deltas, as they are."""
    choices = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": finish})
    events = [f"data: {json.dumps({'id': 'x', 'choices': [choice]})}\n\n" for choice in choices]
    head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    return raw("".join([head, *events, "data: [DONE]\n\n"]).encode())


def called(name: str, **more: Any) -> dict[str, Any]:
    function = {"name": name, "arguments": "{}"}
    return {"id": f"call_{name}", "type": "function", "function": function, **more}


def test_a_custom_tool_s_call_in_pieces_is_put_together(client: OpenAI, upstream: ScriptedUpstream) -> None:
    named = {"index": 0, "id": "c1", "type": "custom", "custom": {"name": "sql", "input": ""}}
    pieces = [{"index": 0, "custom": {"input": piece}} for piece in ("select ", "1")]
    upstream.reply = lambda _call: said(
        *[{"tool_calls": [piece]} for piece in [named, *pieces]], finish="tool_calls"
    )
    raw_response = client.chat.completions.with_raw_response.create(
        model="m", messages=QUESTION, extra_body=SINGLE
    )
    body = json.loads(raw_response.content)
    check(COMPLETION, body)
    assert body["choices"][0]["message"]["tool_calls"] == [
        {"id": "c1", "type": "custom", "custom": {"name": "sql", "input": "select 1"}}
    ]


def test_streamed_calls_without_an_index_stay_apart(client: OpenAI, upstream: ScriptedUpstream) -> None:
    delta = {"role": "assistant", "tool_calls": [called("f"), called("g")]}
    upstream.reply = lambda _call: said(delta, finish="tool_calls")
    calls = choose(client, extra_body=SINGLE).message.tool_calls
    assert [(call.id, call.function.name) for call in calls] == [("call_f", "f"), ("call_g", "g")]


def test_calls_of_an_upstream_that_does_not_stream_stay_apart(
    client: OpenAI, upstream: ScriptedUpstream
) -> None:
    message = {"role": "assistant", "content": None, "tool_calls": [called("f"), called("g")]}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
    upstream.reply = lambda _call: raw(json_answer({"id": "x", "choices": [choice]}))
    calls = choose(client, extra_body=SINGLE).message.tool_calls
    assert [(call.id, call.function.name) for call in calls] == [("call_f", "f"), ("call_g", "g")]


def test_the_old_function_call_comes_back(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda _call: said(
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": ""}},
        {"function_call": {"arguments": "{}"}},
        finish="function_call",
    )
    choice = choose(client, functions=[{"name": "f"}], extra_body=SINGLE)
    assert choice.finish_reason == "function_call"
    assert (choice.message.function_call.name, choice.message.function_call.arguments) == ("f", "{}")


def test_the_sources_of_a_web_search_come_back(client: OpenAI, upstream: ScriptedUpstream) -> None:
    annotations = [{"type": "url_citation", "url_citation": CITED}]
    upstream.reply = lambda _call: text("hi", message_extra={"annotations": annotations})
    [found] = choose(client, web_search_options={}, extra_body=SINGLE).message.annotations
    assert found.url_citation.url == "https://example.org"


def test_reasoning_comes_back_beside_the_answer(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda _call: said({"reasoning": "6*7 ..."}, {"content": "42"}, finish="stop")
    message = choose(client, extra_body=SINGLE).message
    assert (message.content, message.reasoning_content) == ("42", "6*7 ...")


def test_the_old_function_call_comes_back_in_a_stream_of_a_voted_answer(
    client: OpenAI, upstream: ScriptedUpstream
) -> None:
    upstream.reply = lambda _call: said(
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        finish="function_call",
    )
    stream = client.chat.completions.create(
        model="m", messages=QUESTION, stream=True, extra_body={"tts_budget": 2}
    )
    calls = [c.choices[0].delta.function_call for c in stream if c.choices[0].delta.function_call]
    assert [(call.name, call.arguments) for call in calls] == [("f", "{}")]
