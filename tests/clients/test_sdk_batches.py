"""Batches as the official Python SDK hands them in, follows them and reads what came of them."""

import json
from typing import Any

import pytest
from batching import CHAT, Json, ended, hand_in, line, official, read, until, upload
from clients.official import COMPLETION, ERROR, check
from openai import APIStatusError, ConflictError, NotFoundError, OpenAI
from scripted_upstream import PROMPT_TOKENS, Call, Reply, ScriptedUpstream, error, hang, text

from workers.batch import run_of


def said(call: Call) -> str:
    """What the client asked."""
    return str(call.body["messages"][-1]["content"])


def asks(custom_id: str, question: str, **changes: Any) -> Json:
    """A line with a question of its own."""
    return line(custom_id, messages=[{"role": "user", "content": question}], **changes)


def lines_begun(calls: list[Call]) -> int:
    """How many lines have called; a call that is tried again keeps the name of its request."""
    return len({call.headers["x-request-id"] for call in calls})


def traces_of(client: OpenAI, batch: Any) -> Json:
    """How far the first line's job has come."""
    try:
        job: Any = client.get(f"/jobs/{run_of(batch.id, 0)}", cast_to=object)
    except NotFoundError:
        return {"done": 0}
    return dict(job["progress"]["traces"])


def test_a_batch_is_answered_line_by_line(client: OpenAI, upstream: ScriptedUpstream) -> None:
    batch = ended(client, hand_in(client, [line("a"), line("b"), line("c")]))
    assert batch.status == "completed"
    assert dict(batch.request_counts) == {"total": 3, "completed": 3, "failed": 0}
    assert batch.error_file_id is None
    answers = read(client, batch.output_file_id)
    assert list(answers) == ["a", "b", "c"]
    for answer in answers.values():
        assert answer["id"].startswith("batch_req_")
        assert (answer["error"], answer["response"]["status_code"]) == (None, 200)
        check(COMPLETION, answer["response"]["body"])


def test_every_line_asks_its_own_question(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda call: text(f"\\boxed{{{said(call)}}}")
    batch = ended(client, hand_in(client, [asks(f"n{n}", str(n)) for n in range(30)]))
    answers = read(client, batch.output_file_id)
    told = {name: row["response"]["body"]["choices"][0] for name, row in answers.items()}
    assert {n: c["tts_metadata"]["answer"] for n, c in told.items()} == {f"n{n}": str(n) for n in range(30)}
    assert len(upstream.calls) == 30


def test_a_batch_is_an_official_one_wherever_it_stands(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda _call: text("word " * 20, token_s=0.02)
    batch = hand_in(client, [line("a")], metadata={"night": "3"})
    assert official(client, batch.id)["status"] == "in_progress"
    ended(client, batch)
    last = official(client, batch.id)
    assert last["created_at"] <= last["in_progress_at"] <= last["finalizing_at"] <= last["completed_at"]
    assert last["metadata"] == {"night": "3"}
    assert last["usage"]["total_tokens"] == PROMPT_TOKENS + upstream.calls[0].tokens_sent
    assert last["expires_at"] - last["created_at"] == 24 * 3600
    check("OpenAIFile", json.loads(client.files.with_raw_response.retrieve(last["output_file_id"]).text))
    check("ListBatchesResponse", json.loads(client.batches.with_raw_response.list().text))


def test_a_line_names_its_strategy_in_each_of_the_usual_ways(
    client: OpenAI, upstream: ScriptedUpstream
) -> None:
    lines = [
        line("body", tts_strategy="self_consistency", tts_budget=3),
        line("suffix", model="m@adaptive_consistency", tts_strategy=None),
        line("default", tts_strategy=None),
        line("online", tts_strategy="deepconf", tts_mode="online", tts_budget=4),
    ]
    batch = ended(client, hand_in(client, lines))
    rows = read(client, batch.output_file_id).values()
    chosen = {row["custom_id"]: row["response"]["body"]["choices"][0]["tts_metadata"] for row in rows}
    assert {name: told["strategy"] for name, told in chosen.items()} == {
        "body": "self_consistency",
        "suffix": "adaptive_consistency",
        "default": "deepconf",
        "online": "deepconf",
    }
    assert chosen["body"]["num_traces"] == 3


def test_a_batch_names_a_strategy_in_its_endpoint(client: OpenAI, upstream: ScriptedUpstream) -> None:
    url = "/v1/self_consistency/chat/completions"
    batch = ended(client, hand_in(client, [line("a", url=url, tts_budget=2)], endpoint=url))
    choice = read(client, batch.output_file_id)["a"]["response"]["body"]["choices"][0]
    assert choice["tts_metadata"]["strategy"] == "self_consistency"


def test_a_line_that_is_wrong_costs_the_others_nothing(client: OpenAI, upstream: ScriptedUpstream) -> None:
    lines = [
        line("good"),
        line("hot", temperature=9),
        line("unheard", model="gpt-17"),
        line("misspelt", tts_bugdet=3),
        line("streamed", stream=True),
    ]
    batch = ended(client, hand_in(client, lines))
    assert batch.status == "completed"
    assert dict(batch.request_counts) == {"total": 5, "completed": 1, "failed": 4}
    assert list(read(client, batch.output_file_id)) == ["good"]
    rows = read(client, batch.error_file_id)
    errors = {name: (r["response"]["status_code"], r["response"]["body"]) for name, r in rows.items()}
    for _, body in errors.values():
        check(ERROR, body)
    assert {name: (status, body["error"]["param"]) for name, (status, body) in errors.items()} == {
        "hot": (400, "temperature"),
        "unheard": (404, "model"),
        "misspelt": (400, "tts_bugdet"),
        "streamed": (400, "stream"),
    }
    assert len(upstream.calls) == 1


def test_a_line_that_the_upstream_fails_is_in_the_error_file(
    client: OpenAI, upstream: ScriptedUpstream
) -> None:
    upstream.reply = lambda call: error(400) if said(call) == "bad" else text("\\boxed{42}")
    batch = ended(client, hand_in(client, [asks("a", "bad"), asks("b", "good")]))
    assert list(read(client, batch.output_file_id)) == ["b"]
    row = read(client, batch.error_file_id)["a"]
    assert (row["error"], row["response"]["status_code"]) == (None, 400)
    check(ERROR, row["response"]["body"])


def test_a_cancelled_batch_keeps_what_is_finished_and_begins_no_more(
    client: OpenAI, upstream: ScriptedUpstream
) -> None:
    def reply(call: Call) -> Reply:
        return text("\\boxed{42}") if said(call) == "quick" else hang(2)

    upstream.reply = reply
    lines = [asks("quick", "quick"), *[asks(f"slow{n}", "slow", tts_budget=1) for n in range(200)]]
    batch = hand_in(client, lines)
    until(client, batch.id, lambda found: found.request_counts.completed == 1)
    upstream.wait_for(lambda calls: lines_begun(calls) == 33)
    assert client.batches.cancel(batch.id).status in ("cancelling", "cancelled")
    last = ended(client, batch)
    assert (last.status, last.request_counts.completed) == ("cancelled", 1)
    assert last.cancelling_at <= last.cancelled_at
    assert list(read(client, last.output_file_id)) == ["quick"]
    unfinished = read(client, last.error_file_id)
    assert len(unfinished) == 200
    assert {(r["response"], r["error"]["code"]) for r in unfinished.values()} == {(None, "batch_cancelled")}
    calls = upstream.wait_for(lambda calls: all(call.done or call.aborted for call in calls))
    assert lines_begun(calls) == 33
    assert official(client, batch.id)["status"] == "cancelled"


def test_a_line_that_was_cut_short_is_answered_by_the_traces_that_had_ended(
    client: OpenAI, upstream: ScriptedUpstream
) -> None:
    upstream.reply = lambda call: text("\\boxed{42}") if call.index else hang(2)
    batch = hand_in(client, [line("a", tts_strategy="self_consistency", tts_budget=3)])
    until(client, batch.id, lambda found: traces_of(client, found)["done"] == 2)
    client.batches.cancel(batch.id)
    last = ended(client, batch)
    [row] = read(client, last.output_file_id).values()
    told = row["response"]["body"]["choices"][0]["tts_metadata"]
    assert (told["answer"], told["traces_used"], told["stopped_by"]) == ("42", 2, "cancelled")


def test_a_batch_that_has_ended_cannot_be_cancelled(client: OpenAI, upstream: ScriptedUpstream) -> None:
    batch = ended(client, hand_in(client, [line("a")]))
    with pytest.raises(ConflictError) as raised:
        client.batches.cancel(batch.id)
    assert raised.value.code == "batch_ended"


def test_a_batch_is_handed_in_once_under_an_idempotency_key(
    client: OpenAI, upstream: ScriptedUpstream
) -> None:
    file_id = upload(client, [line("a")])
    asked: Any = {"input_file_id": file_id, "endpoint": CHAT, "completion_window": "24h"}
    headers = {"Idempotency-Key": f"once {file_id}"}
    first, again = (client.batches.create(**asked, extra_headers=headers) for _ in range(2))
    assert first.id == again.id
    with pytest.raises(APIStatusError) as raised:
        client.batches.create(**asked, metadata={"b": "c"}, extra_headers=headers)
    assert raised.value.code == "idempotency_key_reused"
    ended(client, first)
    assert len(upstream.calls) == 1


def test_an_automatic_retry_finds_the_batch_of_the_first_attempt(
    client: OpenAI, upstream: ScriptedUpstream
) -> None:
    asked: Any = {
        "input_file_id": upload(client, [line("a")]),
        "endpoint": CHAT,
        "completion_window": "24h",
    }
    first = client.batches.create(**asked)
    again = client.batches.create(**asked, extra_headers={"x-stainless-retry-count": "1"})
    assert ended(client, first).id == again.id


def test_batches_are_listed_newest_first_page_by_page(client: OpenAI, upstream: ScriptedUpstream) -> None:
    file_id = upload(client, ["{"])
    asked: Any = {"input_file_id": file_id, "endpoint": CHAT, "completion_window": "24h"}
    ids = [client.batches.create(**asked).id for _ in range(4)]
    page = client.batches.list(limit=2)
    assert [batch.id for batch in page.data] == ids[:1:-1]
    assert page.has_more
    assert [batch.id for batch in client.batches.list(limit=2, after=ids[2]).data] == ids[1::-1]
    with pytest.raises(NotFoundError):
        client.batches.list(after="batch_none")


@pytest.mark.parametrize("name", ["batch_none", "none"])
def test_an_unknown_batch_is_not_found(client: OpenAI, name: str) -> None:
    for ask in (client.batches.retrieve, client.batches.cancel):
        with pytest.raises(NotFoundError) as raised:
            ask(name)
        assert raised.value.code == "batch_not_found"


def test_the_files_of_a_batch_are_listed_and_told_of(client: OpenAI, upstream: ScriptedUpstream) -> None:
    batch = ended(client, hand_in(client, [line("a"), line("b", n=0)]))
    listed = [file.id for file in client.files.list(purpose="batch_output")]
    assert {batch.output_file_id, batch.error_file_id} <= set(listed)
    for file_id in (batch.output_file_id, batch.error_file_id):
        told = client.files.retrieve(file_id)
        assert told.bytes == len(client.files.content(file_id).content) > 0
        assert (told.purpose, told.created_at >= batch.completed_at) == ("batch_output", True)


def test_a_deleted_output_is_gone_with_the_runs_in_it(client: OpenAI, upstream: ScriptedUpstream) -> None:
    batch = ended(client, hand_in(client, [line("a")]))
    [row] = read(client, batch.output_file_id).values()
    run_id = row["response"]["body"]["choices"][0]["tts_metadata"]["job_id"]
    assert client.get(f"/jobs/{run_id}", cast_to=object)["source"] == "batch"
    client.files.delete(batch.output_file_id)
    for gone in (f"/files/{batch.output_file_id}/content", f"/jobs/{run_id}"):
        with pytest.raises(APIStatusError) as raised:
            client.get(gone, cast_to=object)
        assert raised.value.status_code == 410


def test_lines_are_no_jobs_of_the_list(client: OpenAI, upstream: ScriptedUpstream) -> None:
    batch = ended(client, hand_in(client, [line("a")]))
    [row] = read(client, batch.output_file_id).values()
    listed: Any = client.get("/jobs?limit=100", cast_to=object)
    assert row["id"].removeprefix("batch_req_") not in [job["id"] for job in listed["data"]]
