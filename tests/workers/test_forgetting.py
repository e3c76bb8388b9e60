"""Runs that are deleted while others look at them."""

from collections.abc import Iterator

import pytest
from shell import RUN, submit

from app.responses.following import endings
from tts_core.errors import JobGone
from workers.client import Client
from workers.records import Ending
from workers.runs import Runs
from workers.settings import Settings


@pytest.fixture
def client(redis_url: str, runs: Runs) -> Iterator[Client]:
    """A client of the same store."""
    found = Client(Settings(redis_url=redis_url))
    yield found
    found.runs.store.connection_pool.disconnect()


def test_the_last_of_those_who_wait_has_the_run_forgotten(client: Client, runs: Runs) -> None:
    submit(runs, inbox="one")
    client.jobs.join(RUN, "other")
    runs.end(RUN, Ending())
    client.forget(RUN, "")
    assert client.is_known(RUN)
    client.forget(RUN, "")
    assert not client.is_known(RUN)


def test_forgetting_a_run_that_is_gone_leaves_nothing_behind(client: Client, runs: Runs) -> None:
    submit(runs, inbox="one")
    runs.end(RUN, Ending())
    client.delete(client.job(RUN, ""))
    client.forget(RUN, "")
    assert not runs.store.exists(f"chorus:run:{RUN}")


def test_who_follows_a_response_that_is_deleted_is_told(client: Client, runs: Runs) -> None:
    submit(runs)
    job = client.job(RUN, "")
    runs.end(RUN, Ending())
    client.delete(client.job(RUN, ""))
    with pytest.raises(JobGone):
        list(endings(client, job, {}, tick_s=0.01))
