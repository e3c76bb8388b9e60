"""What the web may know of the shell."""

import time
from collections.abc import Iterator
from itertools import islice

import pytest
from shell import RUN, submit

from tts_core.errors import DeadlinePassed, JobGone, Overloaded
from tts_core.testing import request
from workers import answering
from workers import client as module
from workers.asking import Asker, Handed
from workers.client import Client
from workers.records import Ending, Source
from workers.roster import Roster
from workers.runs import Runs
from workers.settings import Settings

WORKER = {"slots": 1, "since_s": 0.0}


@pytest.fixture
def client(redis_url: str, runs: Runs) -> Iterator[Client]:
    """A client of a store with live workers and no runs."""
    Roster(runs.store).beat("c@h", {"queue": "control", **WORKER}, time.time())
    Roster(runs.store).beat("s@h", {"queue": "sample", **WORKER}, time.time())
    found = Client(Settings(redis_url=redis_url, web_threads=4))
    yield found
    found.runs.store.connection_pool.disconnect()


def waiting(client: Client, run_id: str, give_up_s: float = 60) -> Handed:
    """A request that waits for a run."""
    return Handed(run_id, client.inbox.enter(run_id), Asker(), time.time() + give_up_s)


def test_a_run_that_vanished_is_given_up(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_S", 0.0)
    with pytest.raises(DeadlinePassed):
        list(client.follow(waiting(client, "gone", give_up_s=-1), tick_s=0.01))


def test_a_run_that_nobody_can_end_is_given_up(
    client: Client, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK_S", 0.0)
    monkeypatch.setattr(answering, "AWAY_S", 0.0)
    runs.store.flushall()
    with pytest.raises(Overloaded, match="control and sample"):
        list(client.follow(waiting(client, "lonely"), tick_s=0.01))


def test_who_waits_for_a_run_that_was_deleted_at_its_end_is_told(client: Client, runs: Runs) -> None:
    submit(runs, inbox=client.inbox.name)
    handed = waiting(client, RUN)
    runs.end(RUN, Ending())
    client.delete(client.job(RUN, ""))
    client.wake(RUN)
    with pytest.raises(JobGone):
        next(client.follow(handed, tick_s=0.01))


def test_who_was_woken_before_the_end_waits_on(client: Client, runs: Runs) -> None:
    submit(runs)
    handed = waiting(client, RUN)
    client.wake(RUN)
    states = client.follow(handed, tick_s=0.01)
    assert [next(states), next(states)] == [None, None]
    runs.end(RUN, Ending())
    client.wake(RUN)
    assert next(states) == Ending()


def test_the_events_of_a_run_that_was_deleted_come_to_an_end(client: Client, runs: Runs) -> None:
    submit(runs)
    runs.end(RUN, Ending())
    client.delete(client.job(RUN, ""))
    (last,) = islice(client.events(RUN, tick_s=0.01), 1)
    assert last is not None
    assert last.type == "end"


def test_a_few_threads_stay_free(client: Client) -> None:
    for name in "abc":
        waiting(client, name)
    with pytest.raises(Overloaded, match="waiting"):
        client.ask(request("single"), Asker(), source=Source.CHAT, shown={})


def test_who_left_waits_no_more(client: Client) -> None:
    client.leave(waiting(client, "left"), keep=True, gone=True)
    assert not client.inbox.waiting


def test_a_silent_worker_does_not_count(client: Client, runs: Runs) -> None:
    Roster(runs.store).beat("s@h", {"queue": "sample", **WORKER}, time.time() - 60)
    assert list(client.workers()) == ["c@h"]
