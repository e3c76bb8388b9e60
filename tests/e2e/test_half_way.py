"""Jobs half way in are the same jobs when they are handed in again; those half way out are gone."""

import time
from collections.abc import Iterator
from dataclasses import replace
from uuid import uuid4

import msgspec
import pytest
from asking import QUESTION
from jobs import Jobs
from scripted_upstream import ScriptedUpstream
from service import Service

from app.asking import digest
from workers import keys
from workers.jobs import Jobs as Kept
from workers.jobs import Use
from workers.runs import Runs
from workers.store import connect

BODY = msgspec.json.encode({"model": "m", "messages": QUESTION, "tts_budget": 2})


@pytest.fixture
def kept(service: Service) -> Iterator[Kept]:
    """The service's own record."""
    store = connect(service.store_url)
    yield Kept(Runs(store, 600))
    store.connection_pool.disconnect()


def died(kept: Kept, jobs: Jobs, key: str, at: str) -> str:
    """The id of a job whose first request came as far as `at`."""
    run_id = uuid4().hex
    kept.once("", digest(key.encode()), Use(run_id, digest(b"/v1/jobs", BODY)))
    if at == "named":
        return run_id
    like = kept.runs.load(jobs.done(tts_budget=2)["id"]).submission
    now_s = time.time()
    kept.runs.open(run_id, replace(like, created_s=now_s, deadline_s=now_s + 60))
    if at == "listed":
        kept.add(run_id, like)
    return run_id


@pytest.mark.parametrize("at", ["named", "written", "listed"])
def test_the_same_key_takes_up_what_died(
    kept: Kept, jobs: Jobs, upstream: ScriptedUpstream, at: str
) -> None:
    key = f"half-{at}"
    run_id = died(kept, jobs, key, at)
    upstream.reset()
    headers = {"Content-Type": "application/json", "Idempotency-Key": key}
    answer = jobs.http.post("/jobs", content=BODY, headers=headers)
    assert (answer.status_code, answer.json()["id"]) == (202, run_id)
    assert jobs.ended(run_id)["status"] == "completed"
    assert run_id in [job["id"] for job in jobs.get().json()["data"]]
    assert len(upstream.calls) == 2


def test_a_job_that_is_deleted_while_it_is_read_is_gone(jobs: Jobs, kept: Kept) -> None:
    """Its result is read after its ending: what is missing then was there a moment ago."""
    job_id = jobs.done(tts_budget=1)["id"]
    kept.runs.store.delete(keys.run(job_id, "texts"))
    answer = jobs.get(f"/{job_id}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (410, "job_gone")
