"""What the web may know of the shell."""

import time
from collections.abc import Iterator
from threading import Event

import pytest

from tts_core.errors import DeadlinePassed, Overloaded
from tts_core.testing import request
from workers import client as module
from workers.client import Client, Waiting
from workers.runs import Runs
from workers.settings import Settings

WORKER = {"slots": 1, "since_s": 0.0}


@pytest.fixture
def client(redis_url: str, runs: Runs) -> Iterator[Client]:
    """A client of a store with live workers and no runs."""
    runs.beat("c@h", {"queue": "control", **WORKER}, time.time())
    runs.beat("s@h", {"queue": "sample", **WORKER}, time.time())
    found = Client(Settings(redis_url=redis_url, web_threads=4))
    yield found
    found.runs.store.connection_pool.disconnect()


def test_a_run_that_vanished_is_given_up(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_S", 0.0)
    client.waiting["gone"] = Waiting(Event(), time.time() - 1)
    with pytest.raises(DeadlinePassed):
        list(client.follow("gone", tick_s=0.01))


def test_a_run_that_nobody_can_end_is_given_up(
    client: Client, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK_S", 0.0)
    runs.store.flushall()
    client.waiting["lonely"] = Waiting(Event(), time.time() + 60)
    with pytest.raises(Overloaded, match="control and sample"):
        list(client.follow("lonely", tick_s=0.01))


def test_a_few_threads_stay_free(client: Client) -> None:
    for name in "abc":
        client.waiting[name] = Waiting(Event(), time.time() + 60)
    with pytest.raises(Overloaded, match="waiting"):
        client.submit(request("single"), request_id="r")


def test_who_left_waits_no_more(client: Client) -> None:
    client.waiting["left"] = Waiting(Event(), time.time() + 60)
    client.leave("left", keep=True)
    assert not client.waiting


def test_a_silent_worker_does_not_count(client: Client, runs: Runs) -> None:
    runs.beat("s@h", {"queue": "sample", **WORKER}, time.time() - 60)
    assert list(client.workers()) == ["c@h"]
