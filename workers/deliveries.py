"""The record of webhooks: what is to be sent, when, and what became of each attempt.

The step that writes a run's ending writes down its event. Control processes claim events that are due;
one that dies with a claim loses it after a while, and the event is due again.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import redis

from workers import keys, webhook_scripts

MOST = 16
MOST_EACH = 4
CANDIDATES = 2000
SPARE_S = 3.0
PENDING, DELIVERED, FAILED = "pending", "delivered", "failed"


class Claim(NamedTuple):
    """The right to make one attempt at the event of a run."""

    run_id: str
    number: int


class Parcel(NamedTuple):
    """An event that is to be sent now. `attempts` were made before."""

    endpoint: str
    event: bytes
    attempts: int


class Reply(NamedTuple):
    """What an attempt came to: the endpoint's status, or else why there was none."""

    status: int | None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Delivery:
    """How far an event is. `next_s` (epoch) is None before the run has ended and when all is done."""

    status: str = PENDING
    attempts: int = 0
    last_status: int | None = None
    last_error: str | None = None
    next_s: float | None = None

    @classmethod
    def of(cls, fields: Mapping[bytes, bytes], next_s: float | None) -> "Delivery":
        """What the fields of a record say."""
        found = {name.decode(): value.decode() for name, value in fields.items() if name != b"event"}
        last = found.get("last_status")
        return cls(
            status=found.get("status", PENDING),
            attempts=int(found.get("attempts", 0)),
            last_status=int(last) if last else None,
            last_error=found.get("last_error") or None,
            next_s=next_s,
        )


class Deliveries:
    """The events of all runs. Those that wait are kept for `ttl_s` beyond their next attempt."""

    def __init__(self, store: redis.Redis, ttl_s: int, timeout_s: float = 0.0) -> None:
        self.store: Any = store  # redis-py's hints cannot tell that replies are bytes
        self.ttl_s = ttl_s
        self.lease_s = timeout_s + SPARE_S
        self._announce = self.store.register_script(webhook_scripts.ANNOUNCE)
        self._claim = self.store.register_script(webhook_scripts.CLAIM)
        self._take = self.store.register_script(webhook_scripts.TAKE)
        self._settle = self.store.register_script(webhook_scripts.SETTLE)

    def announce(self, named: str, endpoint: str, event: bytes, pipe: Any) -> None:
        """Have an event sent, in the transaction that writes down what has happened; once."""
        words = (named, event, endpoint, time.time(), 2 * self.ttl_s)
        self._announce((keys.webhook(named), keys.WEBHOOKS), words, client=pipe)

    def claim(self) -> list[Claim]:
        """Events that are due, for this process to have sent: MOST at once over all processes, MOST_EACH
        to one endpoint, so that one that hangs delays no other."""
        now_s = time.time()
        words = (keys.webhook(""), now_s, now_s + self.lease_s, MOST, MOST_EACH, CANDIDATES)
        found = self._claim((keys.WEBHOOKS, keys.WEBHOOKS_SENDING), words)
        return [Claim(run_id.decode(), number) for run_id, number in zip(*[iter(found)] * 2, strict=True)]

    def take(self, claim: Claim) -> Parcel | None:
        """What a claim is for; None when it is another's by now, or when there is nothing left to do."""
        words = (claim.run_id, claim.number, time.time() + self.lease_s)
        row = self._take(self.names(claim.run_id), words)
        found = dict(zip(*[iter(row)] * 2, strict=True))
        if b"event" not in found:
            return None
        return Parcel(found[b"endpoint"].decode(), found[b"event"], int(found.get(b"attempts", 0)))

    def settle(self, run_id: str, reply: Reply, status: str, wait_s: float = 0.0) -> None:
        """Write down an attempt: the event is due again after `wait_s`, or is done with."""
        next_s, life_s = time.time() + wait_s, round(wait_s) + self.ttl_s
        words = (run_id, status, next_s, life_s, reply.status or "", reply.error)
        self._settle(self.names(run_id), words)

    def delivery(self, run_id: str) -> Delivery:
        """How far the event of a run is."""
        fields = self.store.hgetall(keys.webhook(run_id))
        return Delivery.of(fields, self.store.zscore(keys.WEBHOOKS, run_id))

    def seen(self, run_id: str, endpoint: str) -> Delivery | None:
        """How far the event of a run is; None when no endpoint is to be told."""
        return self.delivery(run_id) if endpoint else None

    def names(self, run_id: str) -> tuple[str, str, str]:
        """The keys that have to do with the event of a run."""
        return keys.webhook(run_id), keys.WEBHOOKS, keys.WEBHOOKS_SENDING
