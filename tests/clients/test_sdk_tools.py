"""Tools: calls are answers, so they are voted on and come back as calls."""

import json
from itertools import count
from typing import Any

import pytest
from asking import ask, in_turn
from openai import OpenAI
from openai.types.chat import ChatCompletionMessageToolCall
from scripted_upstream import Call, Reply, ScriptedUpstream, text, tool_calls

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "weather",
            "description": "The weather of a city.",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
                "required": ["city"],
            },
        },
    }
]
PARIS = '{"city": "Paris", "days": 2}'
SIRAP = '{"days":2,"city":"Paris"}'
OSLO = '{"city": "Oslo"}'


def called(*arguments: str, **delivery: Any) -> Reply:
    asked = [
        {"id": f"call_{n}", "type": "function", "function": {"name": "weather", "arguments": spelling}}
        for n, spelling in zip(count(), arguments)
    ]
    return tool_calls(asked, **delivery)


@pytest.fixture
def voted(upstream: ScriptedUpstream) -> ScriptedUpstream:
    """Four traces: Paris in two spellings, Oslo, and a text."""
    upstream.reply = in_turn(called(PARIS), called(OSLO), called(SIRAP), text("\\boxed{sunny}"))
    return upstream


def ask_with_tools(client: OpenAI, **changes: Any) -> Any:
    extra = {"tts_budget": 4, "tts_strategy": "self_consistency"}
    return ask(client, tools=TOOLS, extra_body=extra, **changes)


def test_tools_reach_every_trace_unchanged(client: OpenAI, voted: ScriptedUpstream) -> None:
    ask_with_tools(client)
    assert [call.body["tools"] for call in voted.calls] == [TOOLS] * 4


def test_the_voted_call_comes_back_as_a_call(client: OpenAI, voted: ScriptedUpstream) -> None:
    choice = ask_with_tools(client).choices[0]
    [call] = choice.message.tool_calls
    assert choice.finish_reason == "tool_calls"
    assert choice.message.content is None
    assert (call.type, call.function.name) == ("function", "weather")
    assert json.loads(call.function.arguments) == json.loads(PARIS)
    assert call.id.startswith("call_")


def test_calls_are_equal_by_what_their_arguments_mean(client: OpenAI, voted: ScriptedUpstream) -> None:
    assert ask_with_tools(client).choices[0].tts_metadata["agreement"] == 2 / 4


def test_the_voted_call_is_streamed(client: OpenAI, voted: ScriptedUpstream) -> None:
    chunks = list(ask_with_tools(client, stream=True))
    deltas = [d for chunk in chunks for d in chunk.choices[0].delta.tool_calls or ()]
    assert {delta.index for delta in deltas} == {0}
    assert "".join(d.function.name or "" for d in deltas) == "weather"
    assert json.loads("".join(d.function.arguments or "" for d in deltas)) == json.loads(PARIS)
    assert [c.choices[0].finish_reason for c in chunks if c.choices[0].finish_reason] == ["tool_calls"]


def test_the_accumulating_helper_puts_the_call_together(client: OpenAI, voted: ScriptedUpstream) -> None:
    with client.chat.completions.stream(
        model="m@self_consistency",
        messages=[{"role": "user", "content": "Weather?"}],
        tools=TOOLS,
        extra_body={"tts_budget": 4},
    ) as stream:
        stream.until_done()
        message = stream.get_final_completion().choices[0].message
    [call] = message.tool_calls
    assert isinstance(call, ChatCompletionMessageToolCall)
    assert json.loads(call.function.arguments) == json.loads(PARIS)
    assert message.tts_metadata["agreement"] == 2 / 4


def test_parallel_calls_stay_together(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda _call: called(PARIS, OSLO)
    calls = ask_with_tools(client).choices[0].message.tool_calls
    assert [json.loads(call.function.arguments)["city"] for call in calls] == ["Paris", "Oslo"]
    assert [call.id for call in calls] == ["call_0", "call_1"]


def test_parallel_calls_are_streamed_each_under_its_index(
    client: OpenAI, upstream: ScriptedUpstream
) -> None:
    upstream.reply = lambda _call: called(PARIS, OSLO)
    chunks = ask_with_tools(client, stream=True)
    deltas = [d for chunk in chunks for d in chunk.choices[0].delta.tool_calls or ()]
    assert [d.index for d in deltas if d.id] == [0, 1]


def test_a_conversation_goes_on_after_the_call(client: OpenAI, upstream: ScriptedUpstream) -> None:
    def reply(call: Call) -> Reply:
        answered = call.body["messages"][-1]["role"] == "tool"
        return text("It is \\boxed{21} degrees.") if answered else called(PARIS)

    upstream.reply = reply
    turns: list[Any] = [{"role": "user", "content": "Weather in Paris?"}]
    message = ask_with_tools(client, messages=turns).choices[0].message
    turns += [message, {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "21"}]
    assert ask_with_tools(client, messages=turns).choices[0].message.content == "It is \\boxed{21} degrees."
