"""What the official Python SDK may hand in as a batch, and what is refused before anything is paid."""

from typing import Any

import pytest
from batching import CHAT, Json, ended, hand_in, line, official, upload, written
from openai import BadRequestError, NotFoundError, OpenAI
from scripted_upstream import ScriptedUpstream, text

NONE_CALLED = {"total": 0, "completed": 0, "failed": 0}


@pytest.mark.parametrize(
    ("lines", "code", "number", "param"),
    [
        (["{nonsense"], "invalid_json_line", 1, None),
        (["[1]"], "invalid_json_line", 1, None),
        (["[" * 200 + "]" * 200], "invalid_json_line", 1, None),
        ([line("a"), line("a")], "duplicate_custom_id", 2, "custom_id"),
        ([line("")], "invalid_custom_id", 1, "custom_id"),
        (["", line("a") | {"method": "GET"}], "invalid_method", 2, "method"),
        ([line("a", url="/v1/embeddings")], "mismatched_url", 1, "url"),
        ([line("a") | {"body": 3}], "invalid_type", 1, "body"),
        ([{"custom_id": "a"}], "missing_required_parameter", 1, "method"),
        ([""], "empty_file", None, None),
        ([line(str(n)) for n in range(50_001)], "too_many_requests", None, None),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_file_that_cannot_be_used_fails_its_batch_before_anything_is_paid(
    client: OpenAI, upstream: ScriptedUpstream, lines: Any, code: str, number: int | None, param: Any
) -> None:
    batch = hand_in(client, lines)
    assert batch.status == "failed"
    assert batch.failed_at
    [problem] = batch.errors.data
    assert (problem.code, problem.line, problem.param) == (code, number, param)
    assert dict(batch.request_counts) == NONE_CALLED
    assert official(client, batch.id)["status"] == "failed"
    assert upstream.calls == []


def test_all_that_is_wrong_with_a_file_is_told_at_once(client: OpenAI, upstream: ScriptedUpstream) -> None:
    batch = hand_in(client, ["{", line("a"), "}", line("a")])
    assert [problem.line for problem in batch.errors.data] == [1, 3, 4]


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"endpoint": "/v1/embeddings"}, "endpoint"),
        ({"endpoint": "/v1/deepcoff/chat/completions"}, "endpoint"),
        ({"completion_window": "1h"}, "completion_window"),
        ({"metadata": {"a": "x" * 513}}, "metadata.a.value"),
        ({"extra_body": {"endpiont": 1}}, "endpiont"),
    ],
)
def test_a_wrong_parameter_is_named(client: OpenAI, wrong: Json, param: str) -> None:
    asked: Any = {"endpoint": CHAT, "completion_window": "24h", **wrong}
    with pytest.raises(BadRequestError) as raised:
        client.batches.create(input_file_id=upload(client, [line("a")]), **asked)
    assert raised.value.param == param


def test_a_batch_of_an_unknown_file_is_not_found(client: OpenAI) -> None:
    with pytest.raises(NotFoundError) as raised:
        client.batches.create(input_file_id="file-none", endpoint=CHAT, completion_window="24h")
    assert (raised.value.code, raised.value.param) == ("file_not_found", "input_file_id")


def test_the_output_of_a_batch_is_no_input(client: OpenAI, upstream: ScriptedUpstream) -> None:
    output = ended(client, hand_in(client, [line("a")])).output_file_id
    with pytest.raises(BadRequestError):
        client.batches.create(input_file_id=output, endpoint=CHAT, completion_window="24h")


def test_the_input_may_be_deleted_once_the_batch_is_handed_in(
    client: OpenAI, upstream: ScriptedUpstream
) -> None:
    upstream.reply = lambda _call: text("word " * 10 + "\\boxed{42}", token_s=0.02)
    batch = hand_in(client, [line("a")])
    client.files.delete(batch.input_file_id)
    assert ended(client, batch).status == "completed"


def test_a_file_without_a_last_newline_is_whole(client: OpenAI, upstream: ScriptedUpstream) -> None:
    content = written([line("a"), line("b")]).rstrip(b"\n").replace(b"\n", b"\r\n")
    file = client.files.create(file=("in.jsonl", content), purpose="batch")
    batch = client.batches.create(input_file_id=file.id, endpoint=CHAT, completion_window="24h")
    assert ended(client, batch).request_counts.completed == 2
