"""Calls to the upstream, counted in this process and added to the numbers of all now and then.

A process that is killed takes what it has not added with it: FLUSH_S of its calls.
"""

from threading import Lock
from typing import Any

import redis

from tts_core.errors import UpstreamError
from workers.metrics import CALLS, ERRORS, FIRST_TOKEN_S, Tally, add

FLUSH_S = 1.0
KINDS = {
    "UpstreamBusy": "busy",
    "UpstreamRefused": "refused",
    "UpstreamTimeout": "timeout",
    "UpstreamUnreachable": "unreachable",
}


class Calls:
    """The calls of one process."""

    def __init__(self) -> None:
        self.tally = Tally()
        self.lock = Lock()

    def began(self, upstream: str) -> None:
        """A call is about to be made."""
        self.tally.count(CALLS, upstream)

    def spoke(self, upstream: str, after_s: float) -> None:
        """A call has brought its first token."""
        self.tally.observe(FIRST_TOKEN_S, after_s, upstream)

    def failed(self, upstream: str, error: UpstreamError) -> None:
        """A call has failed by itself."""
        self.tally.count(ERRORS, upstream, KINDS.get(type(error).__name__, "other"))

    def flush(self, store: Any) -> None:
        """Add what was counted since the last time. Raises RedisError, and keeps it then."""
        with self.lock:
            # No greenlet is switched to between the two, so no call is counted in neither.
            tally, self.tally = self.tally, Tally()
            try:
                if tally:
                    add(store, tally)
            except redis.RedisError:
                for key, amount in tally.items():
                    self.tally[key] += amount
                raise


calls = Calls()
