"""How many calls of an upstream all worker processes have at once, and how many a minute.

Who may call holds a ticket in Redis. Who must wait stands in one line for all processes, interactive
before batch, in the order of arrival. Tickets of a process that gives no sign of life are taken back.
"""

import itertools
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Lock, Thread
from typing import Any
from uuid import uuid4

import redis

from tts_core.errors import UpstreamBusy
from workers import gate_scripts, keys
from workers.stopping import Watch
from workers.upstreams import Quota, Upstream

LEASE_S = 10.0
TEND_S = 2.0
SOON_S = 0.05
RECONNECT_S = 0.5
CALM_S = 1.0
NO_WORD_S = 5.0
LONGEST_PAUSE_S = 60.0
log = logging.getLogger(__name__)


class Ticket:
    """One call's: granted or not yet. `spent_tokens` is what it has taken of the tokens a minute;
    `went_well` tells whether the upstream took it."""

    def __init__(self, name: str, upstream: Upstream) -> None:
        self.name = name
        self.upstream = upstream
        self.word = Event()
        self.granted = False
        self.spent_tokens = 0
        self.went_well = False

    def grant(self) -> None:
        """It may go."""
        self.granted = True
        self.word.set()


class Gates:
    """The gates as one process knows them."""

    def __init__(self, store: redis.Redis, ears: redis.Redis) -> None:
        """`ears` waits for words from other processes; it must not wait for a lost Redis."""
        self.store: Any = store
        self.ears: Any = ears
        self.process = uuid4().hex
        self.numbers = itertools.count()
        self.tickets: dict[str, Ticket] = {}
        self.upstreams: dict[str, Upstream] = {}
        self.starting = Lock()
        self.listening = False
        self.closed = Event()
        self.looked_s = 0.0
        self._enter = self.store.register_script(gate_scripts.ENTER)
        self._leave = self.store.register_script(gate_scripts.LEAVE)
        self._busy = self.store.register_script(gate_scripts.BUSY)
        self._tend = self.ears.register_script(gate_scripts.TEND)

    @contextmanager
    def passed(
        self, upstream: Upstream, watch: Watch, deadline_s: float, *, batch: bool = False
    ) -> Iterator[Ticket | None]:
        """Wait for a place; None when the trace was stopped before it had one.

        Raises UpstreamBusy when there is none before `deadline_s` (epoch).
        """
        self.listen(upstream)
        ticket = Ticket(f"{self.process}:{next(self.numbers)}", upstream)
        self.tickets[ticket.name] = ticket
        try:
            pause_s = self.enter(ticket, batch=batch)
            if pause_s >= deadline_s - time.time():
                raise no_room(upstream, pause_s)
            self.wait(ticket, watch, deadline_s, batch=batch)
            yield None if watch.why or watch.handed_back else ticket
        finally:
            self.leave(ticket)
            del self.tickets[ticket.name]

    def enter(self, ticket: Ticket, *, batch: bool) -> float:
        """Ask for a place; for how many seconds nobody is let through."""
        more = (ticket.name, self.process, int(batch), LEASE_S)
        granted, pause_s = self._enter(names(ticket.upstream), (*common(ticket.upstream), *more))
        if granted:
            ticket.grant()
        return float(pause_s)

    def wait(self, ticket: Ticket, watch: Watch, deadline_s: float, *, batch: bool) -> None:
        """Wait until a ticket is granted, or the trace is stopped or handed back. Asks again now and then:
        words get lost with a Redis.

        Raises UpstreamBusy when it is not granted before the deadline.
        """
        watch.door = ticket.word
        try:
            while not (ticket.granted or watch.why or watch.handed_back):
                left_s = deadline_s - time.time()
                if left_s <= 0:
                    raise no_room(ticket.upstream, None)
                if not ticket.word.wait(min(NO_WORD_S, left_s)):
                    self.enter(ticket, batch=batch)
        finally:
            watch.door = None

    def leave(self, ticket: Ticket) -> None:
        """Give the place back, or leave the line; who is next goes."""
        more = (ticket.name, ticket.spent_tokens, int(ticket.went_well))
        self._leave(names(ticket.upstream), (*common(ticket.upstream), *more))

    def busy(self, upstream: Upstream, retry_after_s: float | None) -> None:
        """The upstream has too much: half as many at once, and nobody before its Retry-After."""
        more = (min(retry_after_s or 0.0, LONGEST_PAUSE_S), CALM_S)
        limit = self._busy(names(upstream), (*common(upstream), *more))
        log.info("upstream %s is busy: %d calls at once for now", upstream.name, int(float(limit)))

    def listen(self, upstream: Upstream) -> None:
        """Tend this upstream's gate, and hear of grants in the background, from the first call on."""
        self.upstreams[upstream.name] = upstream
        with self.starting:
            if not self.listening:
                self.listening = True
                Thread(target=self.hear_always, name="gate", daemon=True).start()

    def hear_always(self) -> None:
        """Hear, and start again when Redis went away."""
        while not self.closed.is_set():
            try:
                self.hear()
            except redis.RedisError as error:
                log.warning("lost Redis at the gate: %s", error)
                self.closed.wait(RECONNECT_S)

    def hear(self) -> None:
        """Pass grants on, and give signs of life; at once when one here waits for time to pass."""
        tended_s, every_s = 0.0, TEND_S
        while not self.closed.is_set():
            if (now_s := time.monotonic()) >= tended_s + every_s:
                tended_s, every_s = now_s, self.tend()
            told = self.ears.blpop([keys.gate_told(self.process)], timeout=every_s)
            if told and not told[1]:
                every_s = 0.0
            elif told:
                self.tell(told[1].decode())

    def tell(self, name: str) -> None:
        """A ticket is granted; one that nobody waits for any more has been given back already."""
        if ticket := self.tickets.get(name):
            ticket.grant()

    def tend(self) -> float:
        """Give a sign of life at every gate, and give back what nobody here has; seconds until the next
        time."""
        soonest_s, now_s = TEND_S, time.monotonic()
        if looks := now_s - self.looked_s >= TEND_S:
            self.looked_s = now_s
        for upstream in list(self.upstreams.values()):
            if looks:
                self.give_back_strays(upstream)
            pause_s = float(self._tend(names(upstream), (*common(upstream), self.process, LEASE_S)))
            if pause_s >= 0:
                soonest_s = min(soonest_s, max(SOON_S, pause_s))
        return soonest_s

    def give_back_strays(self, upstream: Upstream) -> None:
        """A Redis that was killed may have forgotten that a place was given back."""
        held = [name.decode() for name in self.ears.zrange(keys.gate(upstream.name, "held"), 0, -1)]
        for name in held:
            if name.startswith(f"{self.process}:") and name not in self.tickets:
                self.leave(Ticket(name, upstream))


def no_room(upstream: Upstream, retry_after_s: float | None) -> UpstreamBusy:
    """There is no place in time."""
    return UpstreamBusy(
        f"The upstream {upstream.name!r} has as many calls as it takes.", retry_after_s=retry_after_s
    )


def names(upstream: Upstream) -> list[str]:
    """The gate's keys."""
    return [keys.gate(upstream.name, part) for part in ("held", "waiting", "seen", "state")]


def common(upstream: Upstream) -> tuple[str, int, int, int]:
    """What every script is told: where grants are told, and the quota."""
    quota: Quota = upstream.quota
    limits = (quota.concurrency, quota.requests_per_minute, quota.tokens_per_minute)
    told = keys.gate_told("")
    return told, limits[0] or 0, limits[1] or 0, limits[2] or 0
