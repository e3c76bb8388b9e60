"""What clients send that no client should: clear refusals, and nothing told that is not theirs."""

import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from batching import ended, hand_in, line
from jobs import KEYS, Jobs
from openai import OpenAI
from scripted_upstream import ScriptedUpstream, error, text
from service import Service

REFUSED = "Incorrect API key provided: sk-...9f3c."
FORGOTTEN = {"model": "m", "input": "What is 6*7?", "store": False, "tts_budget": 1}
LISTENERS = 12


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ([("purpose", "batch"), ("purpose[x]", "1")], "purpose"),
        (
            [("purpose", "batch"), ("expires_after", "x"), ("expires_after[seconds]", "3600")],
            "expires_after",
        ),
    ],
)
def test_a_form_field_that_is_a_value_and_an_object_is_a_400(
    service: Service, fields: list[tuple[str, str]], named: str
) -> None:
    parts: list[tuple[str, Any]] = [(name, (None, value)) for name, value in fields]
    answer = httpx.post(f"{service.base_url}/files", files=[*parts, ("file", ("in.jsonl", b"{}"))])
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, named)


@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/files"])
def test_a_body_in_chunks_that_are_none_is_a_400(service: Service, path: str) -> None:
    url = httpx.URL(service.url)
    kind = "application/json" if path == "/v1/jobs" else "multipart/form-data; boundary=B"
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection((url.host, url.port or 0), timeout=10) as connection:
        connection.sendall(head.encode() + b"no-size\r\n{}\r\n0\r\n\r\n")
        status = connection.makefile("rb").readline()
    assert status.split()[1] == b"400"


def test_what_the_upstream_says_of_the_services_key_is_in_no_trace(
    jobs: Jobs, upstream: ScriptedUpstream
) -> None:
    upstream.reply = lambda _call: error(401, message=REFUSED)
    job = jobs.done(tts_budget=1)
    (trace,) = jobs.get(f"/{job['id']}/traces").json()["data"]
    told = [event.data for event in jobs.events(job["id"])]
    assert trace["error"] == job["error"]["message"]
    assert REFUSED not in f"{trace}{told}{job}"


def test_a_batch_and_a_file_are_no_jobs(client: OpenAI, jobs: Jobs, upstream: ScriptedUpstream) -> None:
    batch = ended(client, hand_in(client, [line("a")]))
    answers = [jobs.get(f"/{name}") for name in (batch.id, batch.input_file_id)]
    assert [(a.status_code, a.json()["error"]["code"]) for a in answers] == [(404, "job_not_found")] * 2


@pytest.mark.parametrize("stream", [False, True])
def test_a_response_that_is_not_stored_reaches_all_who_wait_for_it(
    shared: Service, upstream: ScriptedUpstream, stream: bool
) -> None:
    upstream.reply = lambda _call: text("word " * 10 + "\\boxed{42}", token_s=0.05)
    headers = {"Authorization": f"Bearer {KEYS[0]}", "Idempotency-Key": f"at-once-{stream}"}

    def ask(_: int) -> str:
        url = f"{shared.base_url}/responses"
        answer = httpx.post(url, json={**FORGOTTEN, "stream": stream}, headers=headers, timeout=30)
        return answer.raise_for_status().text

    with ThreadPoolExecutor(LISTENERS) as pool:
        told = list(pool.map(ask, range(LISTENERS)))
    assert all('"status":"completed"' in found.replace(" ", "") for found in told)
    assert len(upstream.calls) == 1
