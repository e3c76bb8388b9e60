"""The gate of an upstream: so many calls at once and a minute, over all processes that share a Redis."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Event, Lock
from typing import Any
from uuid import uuid4

import pytest

from tts_core.errors import UpstreamBusy
from tts_core.model import Why
from workers import gate, keys
from workers.gate import Gates
from workers.runs import Runs
from workers.stopping import Watch
from workers.store import connect
from workers.upstreams import Quota, Upstream

MakeGates = Callable[[], Gates]


@pytest.fixture
def process(runs: Runs, redis_url: str) -> Iterator[MakeGates]:
    """Makes the gates of one more process."""
    made: list[Gates] = []

    def make() -> Gates:
        made.append(Gates(runs.store, connect(redis_url, most=2, tries=0)))
        return made[-1]

    yield make
    for gates in made:
        gates.closed.set()


def limited(**quota: int) -> Upstream:
    """An upstream of the test's own: the gates of the tests before are still tended."""
    return Upstream(uuid4().hex, "http://localhost/v1", "", quota=Quota(**quota))


class Caller:
    """A call that waits for its place in a thread and keeps it until it is told to go."""

    def __init__(self, gates: Gates, upstream: Upstream, pool: ThreadPoolExecutor, **more: Any) -> None:
        self.watch = Watch(0)
        self.inside, self.go = Event(), Event()
        self.done = pool.submit(self.call, gates, upstream, **more)

    def call(self, gates: Gates, upstream: Upstream, within_s: float = 30, **more: Any) -> bool:
        with gates.passed(upstream, self.watch, time.time() + within_s, **more) as ticket:
            if ticket:
                self.inside.set()
                self.go.wait(30)
            return ticket is not None

    def end(self) -> None:
        self.go.set()
        self.done.result(30)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(64) as found:
        yield found


def waiting(gates: Gates) -> int:
    [upstream] = gates.upstreams
    return int(gates.store.zcard(keys.gate(upstream, "waiting")))


def until(holds: Callable[[], bool]) -> None:
    """Ask Redis, which tells nobody, until something holds. Raises AssertionError."""
    end = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < end, "not true within 10 s"
        Event().wait(0.005)


def test_no_more_calls_than_allowed_run_at_once_over_two_processes(
    process: MakeGates, pool: ThreadPoolExecutor
) -> None:
    upstream, both = limited(concurrency=3), (process(), process())
    lock, running, most = Lock(), 0, 0

    def call(number: int) -> None:
        nonlocal running, most
        with both[number % 2].passed(upstream, Watch(0), time.time() + 30) as ticket:
            assert ticket
            with lock:
                running, most = running + 1, max(most, running + 1)
            Event().wait(0.005)
            with lock:
                running -= 1

    list(pool.map(call, range(60)))
    assert most == 3
    assert both[0].store.zcard(keys.gate(upstream.name, "held")) == 0


def test_who_waits_longest_is_next(process: MakeGates, pool: ThreadPoolExecutor) -> None:
    upstream, gates, other = limited(concurrency=1), process(), process()
    first = Caller(gates, upstream, pool)
    assert first.inside.wait(10)
    line = []
    for number in range(4):
        line.append(Caller((gates, other)[number % 2], upstream, pool))
        until(lambda: waiting(gates) == len(line))
    first.end()
    for place, caller in enumerate(line):
        assert caller.inside.wait(10)
        assert not any(later.inside.is_set() for later in line[place + 1 :])
        caller.end()


def test_a_batch_waits_behind_all_others(process: MakeGates, pool: ThreadPoolExecutor) -> None:
    upstream, gates = limited(concurrency=1), process()
    first = Caller(gates, upstream, pool)
    assert first.inside.wait(10)
    batch = Caller(gates, upstream, pool, batch=True)
    until(lambda: waiting(gates) == 1)
    other = Caller(gates, upstream, pool)
    until(lambda: waiting(gates) == 2)
    first.end()
    assert other.inside.wait(10)
    assert not batch.inside.is_set()
    other.end()
    assert batch.inside.wait(10)
    batch.end()


def test_a_stop_ends_the_wait(process: MakeGates, pool: ThreadPoolExecutor) -> None:
    upstream, gates = limited(concurrency=1), process()
    first = Caller(gates, upstream, pool)
    assert first.inside.wait(10)
    stopped = Caller(gates, upstream, pool)
    until(lambda: waiting(gates) == 1)
    stopped.watch.stop(Why.CANCELLED)
    assert stopped.done.result(1) is False
    assert waiting(gates) == 0
    first.end()


def test_nobody_waits_beyond_the_deadline(process: MakeGates, pool: ThreadPoolExecutor) -> None:
    upstream, gates = limited(concurrency=1), process()
    first = Caller(gates, upstream, pool)
    assert first.inside.wait(10)
    late = Caller(gates, upstream, pool, within_s=0.1)
    with pytest.raises(UpstreamBusy):
        late.done.result(5)
    first.end()


def test_the_places_of_a_process_that_died_are_taken_back(
    process: MakeGates, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "TEND_S", 0.05)
    upstream, dead, alive = limited(concurrency=1), process(), process()
    dead.listening = True  # it never gives a sign of life
    with ExitStack() as never_left:
        monkeypatch.setattr(gate, "LEASE_S", 0.2)
        never_left.enter_context(dead.passed(upstream, Watch(0), time.time() + 30))
        next_one = Caller(alive, upstream, pool)
        assert next_one.inside.wait(5)
        next_one.end()


def test_a_429_halves_the_calls_at_once_and_success_grows_them_back(process: MakeGates) -> None:
    upstream, gates = limited(concurrency=8), process()

    def limit() -> float:
        return float(gates.store.hget(keys.gate(upstream.name, "state"), "limit") or 8)

    with ExitStack() as eight:
        for _ in range(8):
            eight.enter_context(gates.passed(upstream, Watch(0), time.time() + 5))
        for _ in range(8):
            gates.busy(upstream, 0)
        assert limit() == 4
    for _ in range(60):
        with gates.passed(upstream, Watch(0), time.time() + 5) as ticket:
            assert ticket
            ticket.went_well = True
    assert limit() == 8


def test_a_retry_after_holds_for_all_processes(process: MakeGates) -> None:
    upstream, told, other = limited(concurrency=8), process(), process()
    with told.passed(upstream, Watch(0), time.time() + 5):
        told.busy(upstream, 0.4)
    began_s = time.monotonic()
    with other.passed(upstream, Watch(0), time.time() + 5) as ticket:
        assert ticket
    assert 0.2 < time.monotonic() - began_s < 2


def test_a_retry_after_beyond_the_deadline_is_told_at_once(process: MakeGates) -> None:
    upstream, gates = limited(concurrency=8), process()
    gates.busy(upstream, 30)
    began_s = time.monotonic()
    with pytest.raises(UpstreamBusy) as raised, gates.passed(upstream, Watch(0), time.time() + 5):
        pass
    assert time.monotonic() - began_s < 1
    assert raised.value.retry_after_s == pytest.approx(30, abs=2)


def test_requests_a_minute_are_spread(process: MakeGates) -> None:
    upstream, gates = limited(requests_per_minute=600), process()  # 60 at once, then 10 a second
    began_s = time.monotonic()
    for _ in range(65):
        with gates.passed(upstream, Watch(0), time.time() + 5) as ticket:
            assert ticket
    assert 0.4 < time.monotonic() - began_s < 3


def test_tokens_a_minute_are_waited_for(process: MakeGates) -> None:
    upstream, gates = limited(tokens_per_minute=6000), process()  # 100 a second
    with gates.passed(upstream, Watch(0), time.time() + 5) as ticket:
        assert ticket
        ticket.spent_tokens = 640  # of the 600 there are
    began_s = time.monotonic()
    with gates.passed(upstream, Watch(0), time.time() + 5) as ticket:
        assert ticket
    assert 0.3 < time.monotonic() - began_s < 2


def test_a_place_costs_less_than_a_millisecond_when_nobody_waits(process: MakeGates) -> None:
    upstream, gates = limited(concurrency=1000), process()
    took_s = []
    for _ in range(300):
        began_s = time.perf_counter()
        with gates.passed(upstream, Watch(0), time.time() + 5):
            pass
        took_s.append(time.perf_counter() - began_s)
    assert sorted(took_s)[30] < 0.001
