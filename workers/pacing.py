"""When a trace reads: the busier the process, the longer it lets tokens gather."""

from collections.abc import Iterator
from contextlib import contextmanager

from gevent import sleep

READS_PER_TURN = 8
BUSY_TRACES = 16
GATHER_S = 0.03
CROWDED_TRACES = 128
LONG_GATHER_S = 0.05


class InFlight:
    """How many traces this process reads."""

    count = 0

    @contextmanager
    def one_more(self) -> Iterator[None]:
        """Count a trace while it is read."""
        self.count += 1
        try:
            yield
        finally:
            self.count -= 1


in_flight = InFlight()


def gather() -> None:
    """In a busy process, let a few tokens arrive before they are read: waking up costs more than
    reading, and 30 ms are three tokens of a fast model."""
    if in_flight.count >= BUSY_TRACES:
        sleep(LONG_GATHER_S if in_flight.count >= CROWDED_TRACES else GATHER_S)


def give_way(reads: int) -> None:
    """Let the others read: a fast stream would keep the process to itself."""
    if not reads % READS_PER_TURN:
        sleep(0)
