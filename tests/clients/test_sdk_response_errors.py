"""What goes wrong with responses, as the classes of the official Python SDK."""

from typing import Any

import pytest
from openai import BadRequestError, NotFoundError, OpenAI, RateLimitError
from responding import TOOL, respond
from scripted_upstream import ScriptedUpstream, error
from service import Service


@pytest.mark.parametrize(
    ("wrong", "param", "code"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id", "unsupported_parameter"),
        ({"conversation": "conv_1"}, "conversation", "unsupported_parameter"),
        ({"prompt": {"id": "p"}}, "prompt", "unsupported_parameter"),
        ({"max_tool_calls": 3}, "max_tool_calls", "unsupported_parameter"),
        ({"extra_body": {"max_tokens": 3}}, "max_tokens", "unsupported_parameter"),
        ({"extra_body": {"messages": []}}, "messages", "unsupported_parameter"),
        ({"truncation": "auto"}, "truncation", "invalid_value"),
        ({"tools": [TOOL, {"type": "web_search"}]}, "tools[1].type", "invalid_value"),
        ({"tools": [{"type": "function"}]}, "tools[0].name", "missing_required_parameter"),
        ({"tool_choice": {"type": "web_search"}}, "tool_choice", "invalid_value"),
        ({"include": ["reasoning.encrypted_content"]}, "include[0]", "invalid_value"),
        ({"top_logprobs": 3}, "top_logprobs", "invalid_value"),
        ({"max_output_tokens": 0}, "max_output_tokens", "invalid_value"),
        ({"temperature": 3}, "temperature", "invalid_value"),
        ({"reasoning": {"mode": "pro"}}, "reasoning.mode", "unknown_parameter"),
        ({"text": {"format": {"type": "xml"}}}, "text.format.type", "invalid_value"),
        (
            {"text": {"format": {"type": "json_schema", "name": "x"}}},
            "text.format.schema",
            "missing_required_parameter",
        ),
        ({"background": True, "store": False}, "store", "invalid_value"),
        ({"extra_body": {"tts_bugdet": 3}}, "tts_bugdet", "unknown_parameter"),
        ({"extra_body": {"tts_budget": 0}}, "tts_budget", "invalid_value"),
        ({"input": []}, "input", "invalid_value"),
        ({"input": [{"role": "wizard", "content": "hi"}]}, "input[0].role", "invalid_value"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input[0].type", "invalid_value"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "f"}]}]},
            "input[0].content[0].type",
            "invalid_value",
        ),
    ],
    ids=str,
)
def test_what_cannot_be_done_is_named_before_anything_is_paid(
    client: OpenAI, upstream: ScriptedUpstream, wrong: dict[str, Any], param: str, code: str
) -> None:
    with pytest.raises(BadRequestError) as raised:
        respond(client, **wrong)
    assert (raised.value.param, raised.value.code) == (param, code)
    assert upstream.calls == []


def test_a_missing_input_is_named(client: OpenAI, upstream: ScriptedUpstream) -> None:
    with pytest.raises(BadRequestError, match="Missing required parameter: 'input'"):
        client.responses.create(model="m")


def test_an_upstream_s_finding_comes_under_the_response_s_name(
    client: OpenAI, upstream: ScriptedUpstream
) -> None:
    found = (
        b'{"error": {"message": "Too many.", "type": "x", "param": "max_completion_tokens", "code": "c"}}'
    )
    upstream.reply = lambda _call: error(400, body=found)
    with pytest.raises(BadRequestError, match="Too many") as raised:
        respond(client, max_output_tokens=9)
    assert raised.value.param == "max_output_tokens"


def test_a_busy_upstream_is_a_rate_limit_that_says_when(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda _call: error(429, message="Slow down.", retry_after=90)
    with pytest.raises(RateLimitError, match="Slow down") as raised:
        respond(client)
    assert raised.value.response.headers["retry-after"] == "90"


def test_an_unknown_model_is_not_found(client: OpenAI, upstream: ScriptedUpstream) -> None:
    with pytest.raises(NotFoundError) as raised:
        respond(client, model="gpt-17")
    assert raised.value.code == "model_not_found"


@pytest.mark.parametrize("response_id", ["resp_nobody", "nobody"])
def test_an_unknown_response_is_not_found(client: OpenAI, response_id: str) -> None:
    with pytest.raises(NotFoundError) as raised:
        client.responses.retrieve(response_id)
    assert raised.value.code == "response_not_found"


def test_an_unknown_strategy_in_the_base_url_is_not_found(
    service: Service, upstream: ScriptedUpstream
) -> None:
    client = OpenAI(base_url=f"{service.base_url}/nonsense", api_key="any")
    with client, pytest.raises(NotFoundError, match="nonsense"):
        respond(client)


def test_an_input_item_that_is_unknown_begins_no_page(client: OpenAI, upstream: ScriptedUpstream) -> None:
    response = respond(client)
    with pytest.raises(BadRequestError) as raised:
        client.responses.input_items.list(response.id, after="msg_nobody")
    assert raised.value.param == "after"
