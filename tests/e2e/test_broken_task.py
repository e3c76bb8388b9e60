"""A bug of ours in a sampling task."""

import time
from uuid import uuid4

from celery import Celery
from scripted_upstream import ScriptedUpstream
from service import Service

from tts_core.model import Request, Sampling
from workers.records import Ending, Submission
from workers.runs import Runs
from workers.store import connect

BROKEN_WINDOW = -1


def submitted(service: Service, sampling: Sampling) -> Ending | None:
    """How a run of two traces ends that no validation has seen."""
    store = connect(service.store_url)
    runs = Runs(store, 60)
    run_id, now = uuid4().hex, time.time()
    request = Request(sampling=sampling, strategy="self_consistency", options={"budget": 2})
    runs.open(run_id, Submission(request=request, created_s=now, deadline_s=now + 20))
    with Celery(broker=service.store_url.replace("unix://", "redis+socket://")) as app:
        app.send_task("chorus.begin", (run_id,), queue="control", ignore_result=True)
    while time.time() < now + 10 and not runs.ending(run_id):
        runs.events(run_id, "$", 0.2)
    ending = runs.ending(run_id)
    store.connection_pool.disconnect()
    return ending


def test_a_task_that_raises_does_not_leave_its_run_hanging(
    service: Service, upstream: ScriptedUpstream
) -> None:
    question = ({"role": "user", "content": "hi"},)
    ending = submitted(service, Sampling(model="m", messages=question, window_tokens=BROKEN_WINDOW))
    assert ending is not None
    assert ending.fault is not None
    assert ending.fault.error == "InternalFault"
    assert "trace 0 could not be sampled" in service.log.read_text()
