"""Calls to the upstream, counted in this process and added to the numbers of all now and then.

A process that is killed takes what it has not added with it: FLUSH_S of its calls.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import redis

from tts_core.errors import UpstreamError
from tts_core.tracing import TraceBuilder
from workers.call import Call
from workers.metrics import CALLS, ERRORS, FIRST_TOKEN_S, Tally, add
from workers.stopping import Watch
from workers.telemetry import spans

if TYPE_CHECKING:
    from workers.sampling import Account

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
        tally, self.tally = self.tally, Tally()
        try:
            if tally:
                add(store, tally)
        except redis.RedisError:
            for key, amount in tally.items():
                self.tally[key] += amount
            raise


calls = Calls()


@contextmanager
def observed(call: Call, builder: TraceBuilder, account: "Account", watch: Watch) -> Iterator[None]:
    """Count one call that is made in this block, and tell of it as a span. One that we broke off ourselves
    has not failed."""
    upstream, before_s = call.upstream.name, account.first_token_s
    calls.began(upstream)
    told = spans()
    try:
        with told.call(call, builder, watch) if told else nullcontext():
            yield
    except UpstreamError as error:
        if not watch.stopped.is_set():
            calls.failed(upstream, error)
        raise
    finally:
        if before_s is None and account.first_token_s is not None:
            calls.spoke(upstream, account.first_token_s)
