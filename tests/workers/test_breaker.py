"""An upstream that keeps failing is left alone, by all processes, until one call finds that it serves."""

import time
from collections.abc import Callable
from threading import Event

import pytest

from tts_core.errors import UpstreamDown
from workers.breaker import Breakers, states
from workers.runs import Runs
from workers.upstreams import Breaker, Upstream

UPSTREAM = Upstream("u", "http://localhost/v1", "", breaker=Breaker(failures=3, window_s=5, pause_s=0.2))
Process = Callable[[], Breakers]


@pytest.fixture
def process(runs: Runs) -> Process:
    """Makes the breakers of one more process."""
    return lambda: Breakers(runs.store)


def fail(breakers: Breakers, times: int) -> None:
    for _ in range(times):
        breakers.failed(UPSTREAM)


def wait_until_half_open(breakers: Breakers) -> None:
    Event().wait(max(0.0, (breakers.known["u"].open_s or 0) - time.time()))


def test_it_opens_after_failures_in_a_row(process: Process) -> None:
    breakers = process()
    fail(breakers, 2)
    breakers.check(UPSTREAM)
    fail(breakers, 1)
    with pytest.raises(UpstreamDown) as raised:
        breakers.check(UPSTREAM)
    assert raised.value.retry_after_s == 1


def test_a_success_between_begins_anew(process: Process) -> None:
    breakers = process()
    for _ in range(3):
        fail(breakers, 2)
        breakers.served(UPSTREAM)
    breakers.check(UPSTREAM)


def test_other_processes_see_it_at_their_next_look(process: Process) -> None:
    one, other = process(), process()
    fail(one, 3)
    other.check(UPSTREAM)
    other.look([UPSTREAM])
    with pytest.raises(UpstreamDown):
        other.check(UPSTREAM)


def test_failures_of_several_processes_count_together(process: Process) -> None:
    one, other = process(), process()
    fail(one, 2)
    fail(other, 1)
    with pytest.raises(UpstreamDown):
        other.check(UPSTREAM)


def test_after_the_pause_exactly_one_call_finds_out(process: Process) -> None:
    both = process(), process()
    fail(both[0], 3)
    both[1].look([UPSTREAM])
    wait_until_half_open(both[0])
    assert both[0].probes(UPSTREAM)
    for breakers in both:
        with pytest.raises(UpstreamDown):
            breakers.probes(UPSTREAM)


def test_it_closes_when_that_call_is_served(process: Process) -> None:
    breakers = process()
    fail(breakers, 3)
    wait_until_half_open(breakers)
    assert breakers.probes(UPSTREAM)
    breakers.served(UPSTREAM)
    assert not breakers.probes(UPSTREAM)


def test_it_stays_open_when_that_call_fails(process: Process) -> None:
    breakers = process()
    fail(breakers, 3)
    wait_until_half_open(breakers)
    assert breakers.probes(UPSTREAM)
    fail(breakers, 1)
    with pytest.raises(UpstreamDown):
        breakers.check(UPSTREAM)
    wait_until_half_open(breakers)
    assert breakers.probes(UPSTREAM)


def test_its_state_is_told(process: Process, runs: Runs) -> None:
    breakers = process()
    assert states(runs.store, [UPSTREAM]) == {"u": "closed"}
    fail(breakers, 3)
    assert states(runs.store, [UPSTREAM]) == {"u": "open"}
    wait_until_half_open(breakers)
    assert states(runs.store, [UPSTREAM]) == {"u": "half_open"}
