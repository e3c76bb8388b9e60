"""A response on its way: its ending when it comes, its events for whoever reads them."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from app.presence import client_is_gone
from app.responses.events import OPENING_EVENTS, closing, failure, numbered, opening
from app.responses.rendering import IN_PROGRESS, QUEUED, begun, ended
from app.sse import HEARTBEAT
from tts_core.errors import ChorusError, DeadlinePassed, JobGone
from workers.client import Client
from workers.jobs import Job
from workers.records import RESPONSE_PREFIX, Ending

FROM_THE_START = -1
LATE_S = 60.0
TICK_S = 1.0


def endings(client: Client, job: Job, environ: Any, tick_s: float = TICK_S) -> Iterator[Ending | None]:
    """None while the run goes on, then its ending; nothing more once the client has left.

    It looks for itself at every tick, should the word of the end have been lost. Raises Overloaded when
    the store is away for long, DeadlinePassed when the run is long past its time, JobGone when it was
    deleted meanwhile.
    """
    if job.ending:
        yield job.ending
        return
    for event in client.events(job.id, tick_s=tick_s):
        is_over = event is not None and event.type == "end"
        ending = client.ending(job.id) if is_over or event is None else None
        yield ending
        if ending or client_is_gone(environ):
            return
        if not client.is_known(job.id):
            raise JobGone(f"The response {RESPONSE_PREFIX + job.id!r} was deleted.", code="response_gone")
        if time.time() > job.submission.deadline_s + LATE_S:
            raise DeadlinePassed("The run did not end at its deadline.")


@dataclass(frozen=True, slots=True)
class Told:
    """Tells of a response's events behind the number `after`."""

    client: Client
    job: Job
    after: int = FROM_THE_START

    def write(self, states: Iterator[Ending | None]) -> Iterator[str]:
        """What is known already, heartbeats while `states` are None, then all the rest."""
        yield from numbered(self.opening(), 0, self.after)
        try:
            for ending in states:
                if ending is None:
                    yield HEARTBEAT
                else:
                    rest = closing(ended(self.client, self.job, ending))
                    yield from numbered(rest, OPENING_EVENTS, self.after)
        except ChorusError as error:
            yield failure(error, max(self.after, OPENING_EVENTS - 1))

    def opening(self) -> Iterator[dict[str, Any]]:
        """The first events."""
        background = self.job.submission.shown["echo"]["background"]
        return opening(begun(self.job, QUEUED if background else IN_PROGRESS), begun(self.job, IN_PROGRESS))
