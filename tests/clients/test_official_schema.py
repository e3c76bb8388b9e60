"""Whatever the service says holds to OpenAI's own schemas."""

import json
from typing import Any

import httpx
import pytest
from asking import QUESTION, in_turn
from clients.conftest import ListModels
from clients.official import CHUNK, COMPLETION, ERROR, MODEL, MODELS, check, chunks_of, judge
from jsonschema import Draft202012Validator
from scripted_upstream import Reply, ScriptedUpstream, drop, error, reasoning, text, tool_calls

CALL = {"id": "call_0", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}}
QUESTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "self consistency": {"tts_strategy": "self_consistency"},
    "single": {"tts_strategy": "single"},
    "several choices": {"n": 3},
    "logprobs": {"logprobs": True, "top_logprobs": 2},
    "logprobs without alternatives": {"logprobs": True},
    "traces": {"tts_include_traces": True},
    "nulls": {"stop": None, "seed": None, "n": None, "response_format": None},
    "one trace": {"tts_budget": 1},
}
SCRIPTS: dict[str, tuple[Reply, ...]] = {
    "divided": (text("\\boxed{1}"), text("\\boxed{2}"), text("\\boxed{3}")),
    "without an answer": (text("Well, who knows."),),
    "silent": (text(""),),
    "reasoning": (reasoning("\\boxed{42}", "Six times seven ..."),),
    "tool calls": (tool_calls([CALL]),),
    "half failed": (error(400), text("\\boxed{42}")),
    "without logprobs": (text("\\boxed{42}", logprobs=False),),
    "without usage": (text("\\boxed{42}", usage=False),),
    "cut by length": (text("I think that", finish="length"),),
    "refused": (text("", message_extra={"refusal": "No."}),),
    "with an unheard-of end": (text("\\boxed{42}", finish="eos_token"),),
}


def body(**changes: Any) -> dict[str, Any]:
    return {"model": "m", "messages": QUESTION, **changes}


def streamed(http: httpx.Client, **changes: Any) -> list[dict[str, Any]]:
    asked = body(stream=True, stream_options={"include_usage": True}, **changes)
    return chunks_of(http.post("/chat/completions", json=asked).text)


def test_the_schemas_are_valid_themselves() -> None:
    for name in (COMPLETION, CHUNK, MODELS, MODEL, ERROR):
        Draft202012Validator.check_schema(judge(name).schema)


def test_the_judge_misses_what_clones_forget() -> None:
    incomplete = {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
    found = {"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [incomplete]}
    missing = {error.message for error in judge(COMPLETION).iter_errors(found)}
    assert missing == {"'logprobs' is a required property", "'refusal' is a required property"}


@pytest.mark.parametrize("changes", QUESTIONS.values(), ids=QUESTIONS)
def test_every_question_has_a_valid_completion(
    http: httpx.Client, upstream: ScriptedUpstream, changes: dict[str, Any]
) -> None:
    upstream.reply = in_turn(*SCRIPTS["divided"])
    check(COMPLETION, http.post("/chat/completions", json=body(**changes)).json())


@pytest.mark.parametrize("changes", QUESTIONS.values(), ids=QUESTIONS)
def test_every_question_has_valid_chunks(
    http: httpx.Client, upstream: ScriptedUpstream, changes: dict[str, Any]
) -> None:
    upstream.reply = in_turn(*SCRIPTS["divided"])
    for chunk in streamed(http, **changes):
        check(CHUNK, chunk)


@pytest.mark.parametrize("replies", SCRIPTS.values(), ids=SCRIPTS)
def test_every_outcome_has_a_valid_completion(
    http: httpx.Client, upstream: ScriptedUpstream, replies: tuple[Reply, ...]
) -> None:
    upstream.reply = in_turn(*replies)
    check(COMPLETION, http.post("/chat/completions", json=body()).json())


@pytest.mark.parametrize("replies", SCRIPTS.values(), ids=SCRIPTS)
def test_every_outcome_has_valid_chunks(
    http: httpx.Client, upstream: ScriptedUpstream, replies: tuple[Reply, ...]
) -> None:
    upstream.reply = in_turn(*replies)
    for chunk in streamed(http):
        check(CHUNK, chunk)


def test_the_models_are_a_valid_list(http: httpx.Client, list_models: ListModels) -> None:
    list_models("m", "vendor/large")
    check(MODELS, http.get("/models").json())


@pytest.mark.parametrize("name", ["m", "m@deepconf"])
def test_a_model_is_a_valid_one(http: httpx.Client, upstream: ScriptedUpstream, name: str) -> None:
    check(MODEL, http.get(f"/models/{name}").json())


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/chat/completions", 405),
        ("POST", "/chat/completions", 415),
        ("POST", "/nonsense/chat/completions", 404),
        ("GET", "/models/unheard-of", 404),
        ("DELETE", "/models", 405),
    ],
)
def test_a_wrong_request_has_a_valid_error(
    http: httpx.Client, upstream: ScriptedUpstream, method: str, path: str, status: int
) -> None:
    response = http.request(method, path)
    assert response.status_code == status
    check(ERROR, response.json())


@pytest.mark.parametrize("content", ["", "{", "[]", "null", "NaN", '{"model": "m"}', "\x00"])
def test_a_wrong_body_has_a_valid_error(
    http: httpx.Client, upstream: ScriptedUpstream, content: str
) -> None:
    response = http.post("/chat/completions", content=content, headers={"Content-Type": "application/json"})
    assert response.status_code == 400
    check(ERROR, response.json())


@pytest.mark.parametrize(
    "reply",
    [error(400), error(401), error(404), error(422), error(429, retry_after=90), error(500), drop()],
    ids=["400", "401", "404", "422", "429", "500", "drop"],
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_failed_run_has_a_valid_error(
    http: httpx.Client, upstream: ScriptedUpstream, reply: Reply, stream: bool
) -> None:
    upstream.reply = lambda _call: reply
    asked = body(stream=stream, tts_strategy="single", tts_deadline_s=1)
    response = http.post("/chat/completions", json=asked)
    if stream:
        check(ERROR, error_event(response.text))
    else:
        check(ERROR, response.json())


def error_event(stream: str) -> Any:
    """The last event."""
    *_, last = [line for line in stream.splitlines() if line.startswith("data: ")]
    return json.loads(last.removeprefix("data: "))
