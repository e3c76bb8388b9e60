"""Whatever is said of responses holds to OpenAI's own schemas."""

import json
from typing import Any

import httpx
import pytest
from asking import in_turn
from clients.official import ERROR, INPUT_ITEMS, RESPONSE, check, judge
from clients.test_official_schema import SCRIPTS
from jsonschema import Draft202012Validator
from scripted_upstream import Reply, ScriptedUpstream, error, hang

from app.responses.events import failure
from tts_core.errors import Overloaded

EVENTS = {
    "response.created": "ResponseCreatedEvent",
    "response.in_progress": "ResponseInProgressEvent",
    "response.completed": "ResponseCompletedEvent",
    "response.incomplete": "ResponseIncompleteEvent",
    "response.failed": "ResponseFailedEvent",
    "response.output_item.added": "ResponseOutputItemAddedEvent",
    "response.output_item.done": "ResponseOutputItemDoneEvent",
    "response.content_part.added": "ResponseContentPartAddedEvent",
    "response.content_part.done": "ResponseContentPartDoneEvent",
    "response.output_text.delta": "ResponseTextDeltaEvent",
    "response.output_text.done": "ResponseTextDoneEvent",
    "response.refusal.delta": "ResponseRefusalDeltaEvent",
    "response.refusal.done": "ResponseRefusalDoneEvent",
    "response.reasoning_text.delta": "ResponseReasoningTextDeltaEvent",
    "response.reasoning_text.done": "ResponseReasoningTextDoneEvent",
    "response.function_call_arguments.delta": "ResponseFunctionCallArgumentsDeltaEvent",
    "response.function_call_arguments.done": "ResponseFunctionCallArgumentsDoneEvent",
    "error": "ResponseErrorEvent",
}
FUNCTION = {"type": "function", "name": "f", "parameters": {}, "strict": True, "description": "Does it."}
FORM = {"type": "json_schema", "name": "x", "schema": {"type": "object"}, "strict": None}
IMAGE = {"type": "input_image", "image_url": "https://example.org/cat.png"}
CONVERSATION = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": [{"type": "input_text", "text": "Hi"}, IMAGE]},
    {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}]},
    {"role": "assistant", "content": "Hello."},
    {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
    {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
    {"type": "function_call_output", "call_id": "c", "output": [{"type": "input_text", "text": "1"}]},
    {"role": "user", "content": [{"type": "output_text", "text": "You said so."}]},
]
QUESTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "under a strategy": {"model": "m@self_consistency"},
    "single": {"tts_strategy": "single"},
    "everything": {
        "instructions": "Be brief.",
        "max_output_tokens": 99,
        "metadata": {"who": "me"},
        "tools": [FUNCTION, {"type": "function", "name": "g"}],
        "tool_choice": {"type": "function", "name": "f"},
        "parallel_tool_calls": False,
        "reasoning": {"effort": "low", "summary": "auto"},
        "text": {"format": FORM, "verbosity": "low"},
        "user": "u",
        "tts_include_traces": True,
    },
    "logprobs": {"include": ["message.output_text.logprobs"], "top_logprobs": 2},
    "a conversation": {"input": CONVERSATION},
    "nulls": {"instructions": None, "tools": None, "text": None, "reasoning": None, "stream": None},
    "not stored": {"store": False},
}

asked = pytest.mark.parametrize("changes", QUESTIONS.values(), ids=QUESTIONS)
said = pytest.mark.parametrize("replies", SCRIPTS.values(), ids=SCRIPTS)


def body(**changes: Any) -> dict[str, Any]:
    return {"model": "m", "input": "What is 6*7?", "tts_budget": 3, **changes}


def answered(http: httpx.Client, **changes: Any) -> Any:
    return http.post("/responses", json=body(**changes)).raise_for_status().json()


def check_events(stream: str) -> list[str]:
    """Hold every event of a stream to its schema; their types."""
    found = [json.loads(line[6:]) for line in stream.splitlines() if line.startswith("data: ")]
    named = [line[7:] for line in stream.splitlines() if line.startswith("event: ")]
    for event in found:
        check(EVENTS[event["type"]], event)
    assert named == [event["type"] for event in found]
    return named


def test_the_schemas_are_valid_themselves() -> None:
    for name in (RESPONSE, INPUT_ITEMS, *EVENTS.values()):
        Draft202012Validator.check_schema(judge(name).schema)


def test_the_judge_misses_what_a_response_must_have() -> None:
    missing = {finding.message for finding in judge(RESPONSE).iter_errors({"object": "response"})}
    assert "'parallel_tool_calls' is a required property" in missing


@asked
def test_every_question_has_a_valid_response(
    http: httpx.Client, upstream: ScriptedUpstream, changes: dict[str, Any]
) -> None:
    check(RESPONSE, answered(http, **changes))


@asked
def test_every_question_has_valid_events(
    http: httpx.Client, upstream: ScriptedUpstream, changes: dict[str, Any]
) -> None:
    types = check_events(http.post("/responses", json=body(**{**changes, "stream": True})).text)
    assert types[-1] == "response.completed"


@said
def test_every_outcome_is_a_valid_response(
    http: httpx.Client, upstream: ScriptedUpstream, replies: tuple[Reply, ...]
) -> None:
    upstream.reply = in_turn(*replies)
    check(RESPONSE, answered(http, include=["message.output_text.logprobs"]))


@said
def test_every_outcome_has_valid_events(
    http: httpx.Client, upstream: ScriptedUpstream, replies: tuple[Reply, ...]
) -> None:
    upstream.reply = in_turn(*replies)
    check_events(http.post("/responses", json=body(stream=True)).text)


def test_what_is_told_of_depends_on_what_was_said(http: httpx.Client, upstream: ScriptedUpstream) -> None:
    kinds: set[str] = set()
    for replies in SCRIPTS.values():
        upstream.reply = in_turn(*replies)
        kinds |= set(check_events(http.post("/responses", json=body(stream=True)).text))
    assert kinds == EVENTS.keys() - {"response.failed", "error"}


def test_a_response_that_goes_on_is_a_valid_one(http: httpx.Client, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda _call: hang()
    response = answered(http, background=True)
    check(RESPONSE, response)
    cancelled = http.post(f"/responses/{response['id']}/cancel").json()
    assert cancelled["status"] == "cancelled"
    check(RESPONSE, cancelled)


@pytest.mark.parametrize("status", [400, 401, 404, 422, 429, 500])
def test_a_failed_response_is_a_valid_one(
    http: httpx.Client, upstream: ScriptedUpstream, status: int
) -> None:
    upstream.reply = lambda _call: error(status, retry_after=90)
    asking = body(background=True, stream=True, tts_strategy="single", tts_deadline_s=1)
    stream = http.post("/responses", json=asking).text
    assert check_events(stream)[-1] == "response.failed"


def test_a_stream_that_breaks_off_says_so_and_where_to_go_on() -> None:
    lines = failure(Overloaded("The service's store is away."), after=5).splitlines()
    event = json.loads(lines[1].removeprefix("data: "))
    check(EVENTS["error"], event)
    assert (lines[0], event["code"], event["sequence_number"]) == (
        "event: error",
        "server_is_overloaded",
        5,
    )


def test_a_failed_waited_for_response_has_a_valid_error(
    http: httpx.Client, upstream: ScriptedUpstream
) -> None:
    upstream.reply = lambda _call: error(400)
    answer = http.post("/responses", json=body())
    assert answer.status_code == 400
    check(ERROR, answer.json())


def test_a_call_is_told_of_piece_by_piece(http: httpx.Client, upstream: ScriptedUpstream) -> None:
    upstream.reply = in_turn(*SCRIPTS["tool calls"])
    assert check_events(http.post("/responses", json=body(stream=True)).text)[2:-1] == [
        "response.output_item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_item.done",
    ]


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_the_input_is_a_valid_list(http: httpx.Client, upstream: ScriptedUpstream, order: str) -> None:
    response = answered(http, input=CONVERSATION)
    listed = http.get(f"/responses/{response['id']}/input_items", params={"order": order}).json()
    assert len(listed["data"]) == len(CONVERSATION)
    check(INPUT_ITEMS, listed)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/responses/resp_nobody", 404),
        ("DELETE", "/responses/resp_nobody", 404),
        ("POST", "/responses/resp_nobody/cancel", 404),
        ("GET", "/responses/resp_nobody/input_items", 404),
        ("GET", "/responses/resp_nobody?starting_after=x", 400),
        ("GET", "/responses", 405),
    ],
)
def test_a_wrong_request_has_a_valid_error(
    http: httpx.Client, upstream: ScriptedUpstream, method: str, path: str, status: int
) -> None:
    answer = http.request(method, path)
    assert answer.status_code == status
    check(ERROR, answer.json())
