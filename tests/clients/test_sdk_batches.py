"""Batches as the official Python SDK hands them in, follows them and reads what came of them."""

from collections.abc import Iterator
from typing import Any

import pytest
from batching import CHAT, ended, hand_in, line, read, until, upload
from clients.official import COMPLETION, check
from openai import BadRequestError, ConflictError, NotFoundError, OpenAI, UnprocessableEntityError
from scripted_upstream import ScriptedUpstream, error, text


def test_a_batch_is_answered_line_by_line(client: OpenAI, upstream: ScriptedUpstream) -> None:
    batch = ended(client, hand_in(client, [line("a"), line("b"), line("c")]))
    assert batch.status == "completed"
    assert dict(batch.request_counts) == {"total": 3, "completed": 3, "failed": 0}
    answers = read(client, batch.output_file_id)
    assert list(answers) == ["a", "b", "c"]
    for answer in answers.values():
        assert answer["id"].startswith("batch_req_")
        assert (answer["error"], answer["response"]["status_code"]) == (None, 200)
        check(COMPLETION, answer["response"]["body"])
    assert batch.error_file_id is None
