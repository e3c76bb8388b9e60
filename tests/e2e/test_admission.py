"""A service that is asked for more than it has room for: what it has taken it answers, the rest it refuses
at once."""

from collections.abc import Iterator
from threading import Event

import httpx
import pytest
from asking import ask
from batching import hand_in, line
from jobs import Jobs
from keyed import client_of, jobs_of
from openai import InternalServerError, RateLimitError
from scripted_upstream import Call, Reply, ScriptedUpstream, text
from service import Service, running

SLOTS, WAITING = 2, 10
SHARE = (SLOTS + WAITING) // 2


@pytest.fixture(scope="module")
def narrow(
    upstream_server: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A service of two web processes with room for a few traces."""
    settings = {
        "UPSTREAM_BASE_URL": upstream_server.base_url,
        "DEFAULT_MODEL": "m",
        "WEB_WORKERS": "2",
        "WORKER_CONCURRENCY": str(SLOTS),
        "MAX_WAITING_TRACES": str(WAITING),
        "MAX_WAITING_LINES": "3",
        "PROBE_MODELS": "0",
    }
    with running(tmp_path_factory.mktemp("narrow"), settings) as found:
        yield found


@pytest.fixture
def gate(upstream: ScriptedUpstream) -> Iterator[Event]:
    """What opens the upstream: until then it is slow."""
    opened = Event()

    def reply(call: Call) -> Reply:
        return text("\\boxed{42}") if opened.is_set() else text("word " * 40 + "\\boxed{42}", token_s=0.05)

    upstream.reply = reply
    yield opened
    opened.set()


def filled(jobs: Jobs, places: int) -> list[str]:
    """Jobs of one trace each that hold so many places."""
    return [jobs.begun(tts_strategy="single") for _ in range(places)]


def test_a_key_beyond_its_share_is_refused_at_once_and_another_is_not(narrow: Service, gate: Event) -> None:
    greedy, modest = jobs_of(narrow), jobs_of(narrow)
    taken = filled(greedy, SHARE)
    refused = greedy.submit(tts_strategy="single")
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "queue_share_exceeded")
    assert int(refused.headers["retry-after"]) >= 1
    taken_too = modest.submit(tts_strategy="single")
    assert taken_too.status_code == 202
    gate.set()
    assert {greedy.ended(job_id)["status"] for job_id in taken} == {"completed"}
    assert modest.ended(taken_too.json()["id"])["status"] == "completed"
    assert greedy.submit(tts_strategy="single").status_code == 202
    greedy.stop()
    modest.stop()


def test_what_waits_for_its_answer_is_refused_as_well(narrow: Service, gate: Event) -> None:
    client = client_of(narrow)
    jobs = Jobs(narrow.url, client.api_key)
    filled(jobs, SHARE)
    with pytest.raises(RateLimitError) as refused:
        ask(client, extra_body={"tts_strategy": "single"})
    assert refused.value.code == "queue_share_exceeded"
    gate.set()
    jobs.stop()
    client.close()


def test_a_line_that_is_full_is_full_for_everybody(narrow: Service, gate: Event) -> None:
    everybody = [jobs_of(narrow) for _ in range(4)]
    for jobs in everybody:
        while jobs.submit(tts_strategy="single").status_code == 202:
            continue
    client = client_of(narrow)
    with pytest.raises(InternalServerError) as refused:
        ask(client, extra_body={"tts_strategy": "self_consistency", "tts_budget": WAITING})
    assert (refused.value.status_code, refused.value.code) == (503, "queue_full")
    assert httpx.get(f"{narrow.url}/ready", timeout=10).status_code == 200
    gate.set()
    for jobs in everybody:
        jobs.stop()
    client.close()


def test_batches_wait_in_a_line_of_their_own(narrow: Service, gate: Event) -> None:
    jobs = jobs_of(narrow)
    filled(jobs, SHARE)
    token = jobs.http.headers["authorization"].removeprefix("Bearer ")
    client = client_of(narrow).with_options(api_key=token)
    batch = hand_in(client, [line("a")])
    with pytest.raises(RateLimitError) as refused:
        hand_in(client, [line("b"), line("c")])
    assert refused.value.code == "queue_share_exceeded"
    gate.set()
    client.batches.cancel(batch.id)
    jobs.stop()
    client.close()
