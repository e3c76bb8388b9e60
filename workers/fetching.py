"""How a worker takes messages off its queue, and how it puts them back.

kombu asks for messages only while there is room, and looks whether there is room again when its wait
is over, two seconds later: half of the throughput is lost to traces of one second. And a message that
is handed back goes behind all others, so that what was begun long ago would be done last.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from celery import bootsteps

FULL_S = 0.02


class Fetching(bootsteps.StartStopStep):
    """The step of a worker's consumer that shortens the wait of a full worker, and has it hand messages
    back to the front of the queue."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def start(self, consumer: Any) -> None:
        """Every connection has a poller and a channel of its own."""
        poller = consumer.connection.transport.cycle
        poller.get = partial(soon, poller.get, poller)
        taken = consumer.task_consumer.channel.qos
        taken.restore_by_tag = partial(to_the_front, taken.restore_by_tag)


def soon(get: Callable[..., None], poller: Any, callback: Any, timeout: float | None = None) -> None:
    """Wait for a message, no longer than FULL_S while there is no room for one. Raises Empty."""
    is_full = any(not channel.qos.can_consume() for channel in poller._channels if channel.active_queues)
    get(callback, timeout=FULL_S if is_full and timeout else timeout)


def to_the_front(restore: Callable[..., None], tag: str, client: Any = None, **_: bool) -> None:
    """Put a message back where the next one is taken from."""
    restore(tag, client=client)
