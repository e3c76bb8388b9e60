"""What a client sends beyond our own fields reaches the model as the same JSON."""

from typing import Any

import pytest
from asking import QUESTION, ask
from clients.official import REQUEST, check
from openai import OpenAI
from scripted_upstream import ScriptedUpstream

IMAGE = [
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "What is on it? 🙂"},
            {
                "type": "image_url",
                "image_url": {"url": "data:image/png;base64,iVBORw0KGgo=", "detail": "low"},
            },
        ],
    }
]
TURNS = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Weather in Paris?", "name": "ann"},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "id": "c1",
                "type": "function",
                "function": {"name": "weather", "arguments": '{"city": "Paris"}'},
            }
        ],
    },
    {"role": "tool", "tool_call_id": "c1", "content": "21 °C"},
    {"role": "assistant", "content": "It is 21 °C."},
    {"role": "user", "content": "And in Oslo?"},
]
SCHEMA = {
    "type": "json_schema",
    "json_schema": {
        "name": "answer",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {"value": {"type": "number"}},
            "required": ["value"],
            "additionalProperties": False,
        },
    },
}
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


def sent(client: OpenAI, upstream: ScriptedUpstream, **changes: Any) -> dict[str, Any]:
    """The body that the upstream got for a single trace."""
    extra = {"tts_strategy": "single", **changes.pop("extra_body", {})}
    ask(client, extra_body=extra, **changes)
    return upstream.calls[0].body


@pytest.mark.parametrize("messages", [QUESTION, IMAGE, TURNS], ids=["text", "image", "turns"])
def test_messages_reach_the_model_unchanged(
    client: OpenAI, upstream: ScriptedUpstream, messages: list[dict[str, Any]]
) -> None:
    assert sent(client, upstream, messages=messages)["messages"] == messages


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("response_format", SCHEMA),
        ("response_format", {"type": "json_object"}),
        ("tools", [WEATHER]),
        ("tool_choice", {"type": "function", "function": {"name": "weather"}}),
        ("parallel_tool_calls", False),
        ("temperature", 0),
        ("top_p", 0.5),
        ("max_tokens", 77),
        ("max_completion_tokens", 77),
        ("stop", ["\n\n", "END"]),
        ("frequency_penalty", -0.5),
        ("presence_penalty", 1),
        ("logit_bias", {"50256": -100}),
        ("user", "u-1"),
        ("metadata", {"k": "v"}),
        ("reasoning_effort", "low"),
        ("service_tier", "flex"),
    ],
)
def test_openai_s_parameters_reach_the_model_unchanged(
    client: OpenAI, upstream: ScriptedUpstream, name: str, value: object
) -> None:
    assert sent(client, upstream, **{name: value})[name] == value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("top_k", 20),
        ("min_p", 0.05),
        ("chat_template_kwargs", {"enable_thinking": False, "deep": {"er": [1, None, "é"]}}),
        ("provider", {"order": ["a", "b"]}),
        ("guided_choice", ["yes", "no"]),
    ],
)
def test_other_providers_parameters_reach_the_model_unchanged(
    client: OpenAI, upstream: ScriptedUpstream, name: str, value: object
) -> None:
    assert sent(client, upstream, extra_body={name: value})[name] == value


def test_max_completion_tokens_stands_alone(client: OpenAI, upstream: ScriptedUpstream) -> None:
    assert "max_tokens" not in sent(client, upstream, max_completion_tokens=77)


def test_the_defaults_are_the_documented_ones(client: OpenAI, upstream: ScriptedUpstream) -> None:
    body = sent(client, upstream)
    assert (body["temperature"], body["top_p"], body["max_tokens"]) == (0.7, 1.0, 512)


def test_our_own_fields_stay_here(client: OpenAI, upstream: ScriptedUpstream) -> None:
    ask(client, n=2, extra_body={"tts_budget": 2, "tts_include_traces": True})
    assert not any(name.startswith("tts_") or name == "n" for name in upstream.calls[0].body)


def test_the_client_s_key_stays_here(client: OpenAI, upstream: ScriptedUpstream) -> None:
    sent(client, upstream)
    assert upstream.calls[0].headers["authorization"] == "Bearer sk-upstream-secret"


@pytest.mark.parametrize("changes", [{}, {"tools": [WEATHER]}, {"response_format": SCHEMA, "seed": 3}])
def test_what_reaches_the_model_is_a_valid_request(
    client: OpenAI, upstream: ScriptedUpstream, changes: dict[str, Any]
) -> None:
    ask(client, messages=TURNS, **changes)
    for call in upstream.calls:
        check(REQUEST, call.body)
