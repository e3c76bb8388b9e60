"""A worker process hears of stops, also of those that were said while it could not listen."""

import logging

import pytest
import redis
from shell import RUN, submit

from tts_core.model import Why
from workers import keys
from workers.runs import Runs
from workers.stopping import Stops
from workers.store import connect


@pytest.fixture
def stops(runs: Runs, redis_url: str) -> Stops:
    """A listening process."""
    ears = connect(redis_url, most=2, tries=0)
    found = Stops(runs, ears)
    # The listening thread outlives the tests and their Redis; it need not say so after the summary.
    logging.getLogger("workers.stopping").addHandler(logging.NullHandler())
    found.listen()
    while not runs.store.pubsub_numsub(keys.STOPS)[0][1]:
        pass
    return found


def test_a_trace_hears_that_its_run_is_stopped(runs: Runs, stops: Stops) -> None:
    submit(runs)
    with stops.watch(RUN, 0, 0) as watch:
        runs.stop(RUN, Why.CANCELLED)
        assert watch.stopped.wait(5)
    assert watch.why is Why.CANCELLED


def test_a_stop_that_was_said_while_nobody_listened_is_caught_up_with(
    runs: Runs, stops: Stops, redis_url: str
) -> None:
    submit(runs)
    with stops.watch(RUN, 0, 0) as watch, redis.Redis.from_url(redis_url) as operator:
        with operator.pipeline(transaction=True) as at_once:
            at_once.client_kill_filter(_type="pubsub")
            at_once.hset(keys.run(RUN), "stop", Why.CANCELLED.value)
            at_once.execute()
        assert watch.stopped.wait(5)


def test_a_trace_that_comes_while_the_process_drains_is_handed_back(stops: Stops) -> None:
    stops.hand_back()
    with stops.watch(RUN, 0, 0) as watch:
        assert watch.handed_back
