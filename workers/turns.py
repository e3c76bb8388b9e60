"""A call's turn: past the upstream's breaker and through its gate, and what its end tells of both."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from tts_core.errors import UpstreamBusy, UpstreamError, UpstreamRefused
from tts_core.tracing import TraceBuilder
from workers.breaker import Breakers
from workers.gate import Gates, Ticket
from workers.stopping import Watch
from workers.upstreams import NO_QUOTA, Upstream


class Stopped(Exception):
    """The trace was stopped before it had its turn."""


class Turn:
    """A call's, from `began_s` (monotonic) on; that of a call which nothing limits."""

    def __init__(self) -> None:
        self.began_s = time.monotonic()

    def served(self) -> None:
        """The upstream has said something."""


class Guarded(Turn):
    """The turn of a call whose upstream has a breaker."""

    def __init__(self, breakers: Breakers, upstream: Upstream) -> None:
        super().__init__()
        self.breakers = breakers
        self.upstream = upstream
        self.answered = False
        self.probes = breakers.probes(upstream)

    def served(self) -> None:
        """The upstream works."""
        if not self.answered:
            self.answered = True
            self.probes = False
            self.breakers.served(self.upstream)


class Turns:
    """The breakers and gates of one process."""

    def __init__(self, gates: Gates, breakers: Breakers) -> None:
        self.gates = gates
        self.breakers = breakers

    @contextmanager
    def turn(
        self, upstream: Upstream, builder: TraceBuilder, watch: Watch, *, deadline_s: float, batch: bool
    ) -> Iterator[Turn]:
        """Wait for a turn at the upstream.

        Raises UpstreamDown at once while the upstream is left alone, UpstreamBusy when there is no place
        in time, Stopped when the trace was stopped meanwhile.
        """
        self.breakers.check(upstream)
        if upstream.quota == NO_QUOTA:
            with self.guarded(upstream, watch) as turn:
                yield turn
            return
        with self.gates.passed(upstream, watch, deadline_s, batch=batch) as ticket:
            if ticket is None:
                raise Stopped
            with self.counted(ticket, builder), self.guarded(upstream, watch) as turn:
                yield turn

    @contextmanager
    def counted(self, ticket: Ticket, builder: TraceBuilder) -> Iterator[None]:
        """Have the gate told what became of a call."""
        try:
            yield
            ticket.went_well = True
        except UpstreamBusy as error:
            self.gates.busy(ticket.upstream, error.retry_after_s)
            raise
        finally:
            known = builder.usage.total_tokens if builder.usage else builder.counted_tokens
            ticket.spent_tokens = known

    @contextmanager
    def guarded(self, upstream: Upstream, watch: Watch) -> Iterator[Turn]:
        """Have the breaker told what became of a call; a stop says nothing of the upstream."""
        if upstream.breaker is None:
            yield Turn()
            return
        turn = Guarded(self.breakers, upstream)
        try:
            yield turn
        except (UpstreamRefused, UpstreamBusy):
            turn.served()
            raise
        except UpstreamError:
            if not watch.stopped.is_set():
                turn.probes = False
                self.breakers.failed(upstream)
            raise
        finally:
            if turn.probes:
                self.breakers.give_up_probe(upstream)
