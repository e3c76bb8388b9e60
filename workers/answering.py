"""A store that does not answer, or cannot write, as an error that a client may read."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import redis
from kombu.exceptions import OperationalError

from tts_core.errors import Overloaded
from workers.store import is_full

Answer = TypeVar("Answer")
RETRY_AFTER_S = 2.0
AWAY_S = 20.0


@contextmanager
def answering() -> Iterator[None]:
    """Raises Overloaded for whatever the store, or the broker on it, does wrong."""
    try:
        yield
    except (redis.RedisError, OperationalError) as error:
        raise away(error) from error


def away(error: Exception) -> Overloaded:
    """What is wrong with the store, in a sentence."""
    if is_full(error) or (isinstance(error, OperationalError) and is_full(error.__cause__ or error)):
        return Overloaded(
            "The service's store cannot take anything more now; tell its operator.",
            code="store_is_full",
            retry_after_s=10 * RETRY_AFTER_S,
        )
    return Overloaded("The service's store is away; try again.", retry_after_s=RETRY_AFTER_S)


class Patience:
    """How long one who waits bears with a store that is away: what he waits for goes on meanwhile."""

    def __init__(self) -> None:
        self.since_s: float | None = None

    def ask(self, question: Callable[[], Answer]) -> Answer | None:
        """The answer; None while the store is away. Raises Overloaded when that lasts for AWAY_S."""
        now_s = time.monotonic()
        try:
            answer = question()
        except Overloaded:
            self.since_s = self.since_s or now_s
            if now_s - self.since_s > AWAY_S:
                raise
            return None
        self.since_s = None
        return answer
