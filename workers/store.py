"""The connection to Redis, and what is done when it is away or takes no writes."""

from collections.abc import Callable
from typing import Any

import redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

POOL = 4000
FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 1.0
SILENT_S = 30.0
CONNECT_S = 5.0
IMPATIENT = 1  # a kept connection may be stale once
PATIENT = 300
FULL = ("OOM", "MISCONF", "NOREPLICAS", "READONLY")
AWAY = (redis.ConnectionError, redis.TimeoutError)


def connect(
    url: str, *, most: int = POOL, tries: int = IMPATIENT, silent_s: float = SILENT_S
) -> redis.Redis:
    """A client with up to `most` connections; who needs one more waits for it.

    redis-py's own pool refuses the 101st, and then a burst loses what it wanted to write. With PATIENT
    `tries` it waits some minutes for a server that is away or full. A server that says nothing for
    `silent_s` is away too.
    """
    pause = ExponentialBackoff(cap=LONGEST_PAUSE_S, base=FIRST_PAUSE_S)
    pool = redis.BlockingConnectionPool.from_url(
        url,
        max_connections=most,
        timeout=silent_s,
        socket_connect_timeout=min(CONNECT_S, silent_s),
        socket_timeout=silent_s,
        retry=Waiting(pause, tries) if tries > IMPATIENT else Retry(pause, tries, (redis.ConnectionError,)),
    )
    return redis.Redis.from_pool(pool)


class Waiting(Retry):
    """Waits for room as it waits for a server that is away."""

    def __init__(self, pause: ExponentialBackoff, tries: int) -> None:
        super().__init__(pause, tries, (*AWAY, redis.ResponseError))

    def call_with_retry(
        self,
        do: Callable[[], Any],
        fail: Callable[..., Any],
        is_retryable: Callable[[Exception], bool] | None = None,
        with_failure_count: bool = False,
    ) -> Any:
        """As redis-py's own, but for replies that are neither here nor there."""
        del is_retryable
        return super().call_with_retry(do, fail, is_passing, with_failure_count)


def is_passing(error: Exception) -> bool:
    """Whether what is wrong with the store may pass: it is away or full."""
    return isinstance(error, AWAY) or is_full(error)


def is_full(error: BaseException) -> bool:
    """Whether the store answers but takes no writes: out of memory, of disk, or a replica."""
    if isinstance(error, redis.OutOfMemoryError | redis.ReadOnlyError):
        return True
    words = (word for arg in error.args for word in str(arg).split())
    return isinstance(error, redis.ResponseError) and any(word in FULL for word in words)
