"""LangChain's ChatOpenAI, which knows nothing of us."""

import asyncio
from typing import Any

import pytest
from asking import in_turn
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel
from scripted_upstream import ScriptedUpstream, text, tool_calls
from service import Service

CALL = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Paris"}'}}


class Sum(BaseModel):
    """What was added, and what came out."""

    terms: list[int]
    value: int


@tool
def weather(city: str) -> str:
    """The weather of a city."""
    return f"21 degrees in {city}"


@pytest.fixture
def model(service: Service, upstream: ScriptedUpstream) -> ChatOpenAI:
    return chat(service)


def chat(service: Service, **changes: Any) -> ChatOpenAI:
    settings = {"model": "m", "max_retries": 0, "api_key": "any"}
    return ChatOpenAI(base_url=service.base_url, **(settings | changes))


def test_invoke_gives_the_voted_answer(model: ChatOpenAI, divided: ScriptedUpstream) -> None:
    message = model.invoke("What is 6*7?")
    assert message.content.endswith("\\boxed{42}.")
    assert message.response_metadata["finish_reason"] == "stop"


def test_usage_counts_all_traces(model: ChatOpenAI, upstream: ScriptedUpstream) -> None:
    usage = model.invoke("What is 6*7?").usage_metadata
    assert usage["input_tokens"] == 80
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]


def test_several_messages_arrive_as_they_are(model: ChatOpenAI, upstream: ScriptedUpstream) -> None:
    model.invoke([SystemMessage("Be brief."), HumanMessage("Hi"), AIMessage("Hello"), HumanMessage("6*7?")])
    roles = [message["role"] for message in upstream.calls[0].body["messages"]]
    assert roles == ["system", "user", "assistant", "user"]


def test_stream_gives_the_pieces_of_the_answer(model: ChatOpenAI, upstream: ScriptedUpstream) -> None:
    pieces = list(model.stream("What is 6*7?"))
    assert "".join(piece.content for piece in pieces) == "The answer is \\boxed{42}."


def test_a_stream_can_count_its_tokens(service: Service, upstream: ScriptedUpstream) -> None:
    pieces = list(chat(service, stream_usage=True).stream("What is 6*7?"))
    whole = pieces[0]
    for piece in pieces[1:]:
        whole += piece
    assert whole.usage_metadata["input_tokens"] == 80


def test_ainvoke_answers_many_at_once(model: ChatOpenAI, upstream: ScriptedUpstream) -> None:
    async def ask_all() -> list[AIMessage]:
        return await asyncio.gather(*[model.ainvoke(f"What is {n}*7?") for n in range(5)])

    assert [m.content for m in asyncio.run(ask_all())] == ["The answer is \\boxed{42}."] * 5
    assert len(upstream.calls) == 5 * 8


def test_a_strategy_can_be_given_as_extra_body(service: Service, upstream: ScriptedUpstream) -> None:
    chat(service, extra_body={"tts_strategy": "single"}).invoke("What is 6*7?")
    assert len(upstream.calls) == 1


def test_a_bound_tool_is_called_by_vote(model: ChatOpenAI, upstream: ScriptedUpstream) -> None:
    upstream.reply = in_turn(tool_calls([CALL]), tool_calls([CALL]), text("I would rather not."))
    [call] = model.bind_tools([weather]).invoke("Weather in Paris?").tool_calls
    assert (call["name"], call["args"]) == ("weather", {"city": "Paris"})


def test_a_tool_s_result_goes_back_to_the_model(model: ChatOpenAI, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda call: tool_calls([CALL]) if len(call.body["messages"]) == 1 else text("21 °C")
    bound, question = model.bind_tools([weather]), HumanMessage("Weather in Paris?")
    asked = bound.invoke([question])
    result = weather.invoke(asked.tool_calls[0])
    assert isinstance(result, ToolMessage)
    assert bound.invoke([question, asked, result]).content == "21 °C"


@pytest.mark.parametrize("method", ["json_schema", "json_mode"])
def test_structured_output_is_voted_on_as_json(
    model: ChatOpenAI, upstream: ScriptedUpstream, method: str
) -> None:
    upstream.reply = in_turn(
        text('{"terms": [2, 2], "value": 4}'),
        text('{"value": 4, "terms": [2, 2]}'),
        text('{"terms": [2, 2], "value": 5}'),
    )
    asked = model.with_structured_output(Sum, method=method)
    assert asked.invoke("2+2, as JSON") == Sum(terms=[2, 2], value=4)


def test_structured_output_can_come_from_a_tool_call(model: ChatOpenAI, upstream: ScriptedUpstream) -> None:
    function = {"name": "Sum", "arguments": '{"terms": [2, 2], "value": 4}'}
    upstream.reply = lambda _call: tool_calls([{"id": "c", "type": "function", "function": function}])
    asked = model.with_structured_output(Sum, method="function_calling")
    assert asked.invoke("2+2") == Sum(terms=[2, 2], value=4)


def test_batch_answers_in_order(model: ChatOpenAI, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda call: text(f"\\boxed{{{call.body['messages'][-1]['content']}}}")
    answers = model.batch(["1", "2", "3"])
    assert [answer.content for answer in answers] == ["\\boxed{1}", "\\boxed{2}", "\\boxed{3}"]
