"""Which upstreams are left alone for a while, because they keep failing: for all worker processes.

A success costs nothing, a failure one step in Redis. Each process looks once in LOOK_S what the others
have found.
"""

import logging
import time
from collections.abc import Iterable
from typing import Any, NamedTuple

import redis

from tts_core.errors import UpstreamDown
from workers import keys
from workers.upstreams import Breaker, Upstream

LOOK_S = 1.0
PROBE_S = 30
log = logging.getLogger(__name__)

FAIL = """
local key, probe = KEYS[1], KEYS[2]
local most, window_s, pause_s = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local now = tonumber(ARGV[4])
local state = redis.call('HMGET', key, 'failures', 'first', 'open')
local failures, first, open = tonumber(state[1] or 0), tonumber(state[2] or now), state[3]
if now - first > window_s then
  failures, first = 0, now
end
failures = failures + 1
redis.call('HSET', key, 'failures', failures, 'first', first)
if open or failures >= most then
  redis.call('HSET', key, 'open', now + pause_s)
  redis.call('DEL', probe)
end
redis.call('EXPIRE', key, math.ceil(math.max(window_s, 10 * pause_s)))
return {tostring(failures), redis.call('HGET', key, 'open')}
"""


class State(NamedTuple):
    """What is known of an upstream: failures in a row, and until when (epoch) it is left alone; None:
    it is not."""

    failures: int = 0
    open_s: float | None = None

    def told(self, now_s: float) -> str:
        """Its name in /ready."""
        if self.open_s is None:
            return "closed"
        return "open" if self.open_s > now_s else "half_open"


CLOSED = State()


class Breakers:
    """The breakers as one process knows them."""

    def __init__(self, store: Any) -> None:
        self.store = store
        self.known: dict[str, State] = {}
        self._fail = store.register_script(FAIL)

    def check(self, upstream: Upstream) -> None:
        """Raises UpstreamDown while an upstream is left alone. Who thinks so looks whether it still is:
        another process may have found that it serves."""
        if self.known.get(upstream.name, CLOSED).open_s is None:
            return
        self.look([upstream])
        open_s = self.known.get(upstream.name, CLOSED).open_s
        if open_s is not None and (left_s := open_s - time.time()) > 0:
            raise down(upstream, left_s)

    def probes(self, upstream: Upstream) -> bool:
        """Whether this call is the one that finds out if the upstream serves again.

        Raises UpstreamDown while it is left alone, and while another call finds that out.
        """
        self.check(upstream)
        if self.known.get(upstream.name, CLOSED).open_s is None:
            return False
        if self.store.set(keys.breaker_probe(upstream.name), 1, nx=True, ex=PROBE_S):
            return True
        raise down(upstream, LOOK_S)

    def failed(self, upstream: Upstream) -> None:
        """A call has failed in a way that says something of the upstream."""
        breaker = upstream.breaker
        if breaker is None:
            return
        failures, open_s = self.count(upstream, breaker)
        before = self.known.get(upstream.name, CLOSED)
        self.known[upstream.name] = State(failures, open_s)
        if open_s and before.open_s is None:
            log.warning("upstream %s failed %d times in a row: left alone", upstream.name, failures)

    def count(self, upstream: Upstream, breaker: Breaker) -> State:
        """Count a failure; what is known then."""
        names = [keys.breaker(upstream.name), keys.breaker_probe(upstream.name)]
        limits = (breaker.failures, breaker.window_s, breaker.pause_s, time.time())
        failures, open_s = self._fail(names, limits)
        return State(int(failures), float(open_s) if open_s else None)

    def served(self, upstream: Upstream) -> None:
        """A call has got an answer: whatever was counted begins anew."""
        if self.known.get(upstream.name, CLOSED) == CLOSED:
            return
        self.store.delete(keys.breaker(upstream.name), keys.breaker_probe(upstream.name))
        if self.known.pop(upstream.name, CLOSED).open_s is not None:
            log.warning("upstream %s serves again", upstream.name)

    def give_up_probe(self, upstream: Upstream) -> None:
        """The call that was to find out was stopped: let another."""
        self.store.delete(keys.breaker_probe(upstream.name))

    def look(self, upstreams: Iterable[Upstream]) -> None:
        """Learn what all processes have found by now."""
        watched = [upstream.name for upstream in upstreams if upstream.breaker]
        with self.store.pipeline(transaction=False) as pipe:
            for name in watched:
                pipe.hmget(keys.breaker(name), "failures", "open")
            found = zip(watched, pipe.execute(), strict=True)
        for name, row in found:
            self.known[name] = state_of(*row)


def down(upstream: Upstream, retry_after_s: float) -> UpstreamDown:
    """The upstream is left alone."""
    return UpstreamDown(
        f"The upstream {upstream.name!r} keeps failing and is left alone for a while.",
        retry_after_s=max(1.0, retry_after_s),
    )


def state_of(failures: bytes | None, open_s: bytes | None) -> State:
    """What Redis holds of an upstream."""
    return State(int(failures or 0), float(open_s) if open_s else None)


def states(store: redis.Redis, upstreams: Iterable[Upstream]) -> dict[str, str]:
    """The breakers by upstream, for those who watch."""
    watched = [upstream for upstream in upstreams if upstream.breaker]
    breakers, now_s = Breakers(store), time.time()
    breakers.look(watched)
    return {each.name: breakers.known.get(each.name, CLOSED).told(now_s) for each in watched}
