"""OpenAI's Responses through the official Python SDK: questions and answers."""

import json
from itertools import count
from typing import Any

from asking import in_turn
from langchain_openai import ChatOpenAI
from openai import OpenAI
from responding import OSLO, PARIS, TOOL, City, called, respond
from scripted_upstream import Call, Reply, ScriptedUpstream, reasoning, text
from service import Service

CITY = {"type": "json_schema", "name": "city", "schema": {"type": "object"}, "strict": True}


def sent(upstream: ScriptedUpstream) -> dict[str, Any]:
    """The body of the first upstream call."""
    return dict(upstream.calls[0].body)


def test_the_text_is_the_voted_answer(client: OpenAI, divided: ScriptedUpstream) -> None:
    response = respond(client, tts={"budget": 8, "filter_method": "none"})
    assert response.status == "completed"
    assert response.output_text.endswith("\\boxed{42}.")
    assert response.tts_metadata["answer_distribution"]["7"]["votes"] == 4


def test_usage_is_the_sum_over_all_traces(client: OpenAI, upstream: ScriptedUpstream) -> None:
    usage = respond(client).usage
    assert usage.input_tokens == 30
    assert usage.total_tokens == usage.input_tokens + usage.output_tokens


def test_the_model_s_suffix_names_the_strategy(client: OpenAI, upstream: ScriptedUpstream) -> None:
    response = respond(client, model="m@self_consistency")
    assert (response.model, response.tts_metadata["strategy"]) == (
        "m@self_consistency",
        "self_consistency",
    )
    assert sent(upstream)["model"] == "m"


def test_the_base_url_names_the_strategy(service: Service, upstream: ScriptedUpstream) -> None:
    with OpenAI(base_url=f"{service.base_url}/self_consistency", api_key="any") as client:
        response = respond(client)
        assert response.tts_metadata["strategy"] == "self_consistency"
        assert client.responses.retrieve(response.id) == response


def test_instructions_come_before_the_input(client: OpenAI, upstream: ScriptedUpstream) -> None:
    response = respond(client, instructions="Be brief.")
    assert response.instructions == "Be brief."
    assert sent(upstream)["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "What is 6*7?"},
    ]


def test_items_become_messages(client: OpenAI, upstream: ScriptedUpstream) -> None:
    image = {"type": "input_image", "image_url": "https://example.org/cat.png", "detail": "low"}
    respond(
        client,
        input=[
            {"role": "developer", "content": "Look well."},
            {"role": "user", "content": [{"type": "input_text", "text": "A cat?"}, image]},
            {"role": "assistant", "content": [{"type": "output_text", "text": "Yes.", "annotations": []}]},
            {"role": "user", "content": [{"type": "input_text", "text": "Which?"}]},
        ],
    )
    shown = {"url": "https://example.org/cat.png", "detail": "low"}
    assert sent(upstream)["messages"] == [
        {"role": "developer", "content": "Look well."},
        {
            "role": "user",
            "content": [{"type": "text", "text": "A cat?"}, {"type": "image_url", "image_url": shown}],
        },
        {"role": "assistant", "content": "Yes."},
        {"role": "user", "content": "Which?"},
    ]


def test_parameters_reach_every_trace_under_their_names_in_chats(
    client: OpenAI, upstream: ScriptedUpstream
) -> None:
    respond(
        client,
        max_output_tokens=99,
        temperature=0.3,
        reasoning={"effort": "low"},
        text={"format": CITY, "verbosity": "low"},
        extra_body={"top_k": 5, "tts_budget": 2},
    )
    expected = {
        "max_completion_tokens": 99,
        "temperature": 0.3,
        "reasoning_effort": "low",
        "verbosity": "low",
        "top_k": 5,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "city", "schema": {"type": "object"}, "strict": True},
        },
    }
    for call in upstream.calls:
        assert {name: call.body.get(name) for name in expected} == expected


def test_what_only_concerns_the_response_stays_here(client: OpenAI, upstream: ScriptedUpstream) -> None:
    respond(client, metadata={"who": "me"}, store=True, include=[], truncation="disabled")
    assert not {"metadata", "store", "include", "truncation", "input", "background"} & sent(upstream).keys()


def test_the_response_repeats_its_request(client: OpenAI, upstream: ScriptedUpstream) -> None:
    response = respond(client, metadata={"who": "me"}, tools=[TOOL], temperature=0.3, user="u")
    assert response.metadata == {"who": "me"}
    assert response.tools[0].name == "weather"
    assert (response.temperature, response.top_p, response.user) == (0.3, 1.0, "u")
    assert (response.tool_choice, response.max_output_tokens) == ("auto", 512)


def test_a_response_can_be_retrieved(client: OpenAI, upstream: ScriptedUpstream) -> None:
    response = respond(client, instructions="Be brief.", metadata={"who": "me"})
    assert client.responses.retrieve(response.id) == response


def test_the_voted_call_comes_back_as_a_call(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.reply = in_turn(called(PARIS), called(OSLO), called(PARIS))
    choice = {"type": "function", "name": "weather"}
    [call] = respond(client, model="m@self_consistency", tools=[TOOL], tool_choice=choice).output
    assert (call.type, call.name, json.loads(call.arguments)) == (
        "function_call",
        "weather",
        {"city": "Paris"},
    )
    body = sent(upstream)
    assert body["tool_choice"] == {"type": "function", "function": {"name": "weather"}}
    assert body["tools"][0]["function"].keys() == {"name", "parameters", "strict"}


def test_parallel_calls_have_ids_of_their_own(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda _call: called(PARIS, OSLO)
    calls = respond(client, tools=[TOOL]).output
    assert [json.loads(call.arguments)["city"] for call in calls] == ["Paris", "Oslo"]
    assert len({call.call_id for call in calls}) == len({call.id for call in calls}) == 2


def test_a_conversation_goes_on_after_the_call(client: OpenAI, upstream: ScriptedUpstream) -> None:
    def reply(call: Call) -> Reply:
        answered = call.body["messages"][-1]["role"] == "tool"
        return text("It is \\boxed{21} degrees.") if answered else called(PARIS)

    upstream.reply = reply
    turns: list[Any] = [{"role": "user", "content": "Weather in Paris?"}]
    output = respond(client, input=turns, tools=[TOOL]).output
    turns += [*output, {"type": "function_call_output", "call_id": output[0].call_id, "output": "21"}]
    assert respond(client, input=turns, tools=[TOOL]).output_text == "It is \\boxed{21} degrees."
    roles = [message["role"] for message in upstream.calls[-1].body["messages"]]
    assert roles == ["user", "assistant", "tool"]


def test_a_structured_answer_is_parsed(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda _call: text('{"city": "Paris"}')
    response = client.responses.parse(model="m", input="Where?", text_format=City)
    assert response.output_parsed == City(city="Paris")
    assert response.tts_metadata["agreement"] == 1.0
    assert sent(upstream)["response_format"]["json_schema"]["name"] == "City"


def test_reasoning_is_an_item_of_its_own(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda _call: reasoning("\\boxed{42}", "Six times seven ...")
    thought, message = respond(client).output
    assert (thought.type, thought.content[0].text) == ("reasoning", "Six times seven ...")
    assert message.content[0].text == "\\boxed{42}"


def test_earlier_reasoning_is_not_said_again(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda _call: reasoning("\\boxed{42}", "Six times seven ...")
    output = respond(client).output
    respond(client, input=[*output, {"role": "user", "content": "Sure?"}])
    assert upstream.calls[-1].body["messages"] == [
        {"role": "assistant", "content": "\\boxed{42}"},
        {"role": "user", "content": "Sure?"},
    ]


def test_an_answer_that_was_cut_off_is_incomplete(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda _call: text("I think that \\boxed{42", finish="length")
    response = respond(client)
    assert (response.status, response.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    assert response.output[0].status == "incomplete"


def test_log_probabilities_come_when_included(client: OpenAI, upstream: ScriptedUpstream) -> None:
    response = respond(client, include=["message.output_text.logprobs"], top_logprobs=2)
    [part] = response.output[0].content
    assert "".join(entry.token for entry in part.logprobs) == part.text
    assert {len(entry.top_logprobs) for entry in part.logprobs} == {2}
    assert respond(client).output[0].content[0].logprobs == []


def test_the_input_is_listed_page_by_page(client: OpenAI, upstream: ScriptedUpstream) -> None:
    said = [{"role": role, "content": str(n)} for n, role in zip(count(), ["user", "assistant"] * 2)]
    response = respond(client, input=said)
    page = client.responses.input_items.list(response.id, limit=3, order="asc")
    assert (len(page.data), page.has_more) == (3, True)
    assert [item.content[0].text for item in page] == ["0", "1", "2", "3"]
    newest = client.responses.input_items.list(response.id)
    assert [item.role for item in newest] == ["assistant", "user"] * 2


def test_langchain_asks_for_responses(service: Service, upstream: ScriptedUpstream) -> None:
    model = ChatOpenAI(
        model="m", base_url=service.base_url, api_key="any", use_responses_api=True, max_retries=0
    )
    assert model.invoke("What is 6*7?").text == "The answer is \\boxed{42}."
