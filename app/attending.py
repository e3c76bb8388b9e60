"""A run and the client that waits for it."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from app.outcomes import Record, outcome_of
from app.presence import Presence, client_is_gone
from app.questions import Question
from app.render import Outcome
from workers.answering import Patience
from workers.asking import Handed
from workers.client import LOOK_S, Client
from workers.records import Ending, RunEvent

State = TypeVar("State")
PATIENT_TICK_S = 10.0


@dataclass(frozen=True, slots=True)
class Attended:
    """One submitted run, watched for its client."""

    client: Client
    handed: Handed
    question: Question
    environ: Mapping[str, Any]

    @property
    def created(self) -> int:
        """When it was handed in, in seconds since the epoch."""
        return int(self.handed.created_s)

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self.handed.run_id

    def wait(self, presence: Presence) -> Ending | None:
        """The ending; None once the client has left."""
        with presence.watching(self.environ, partial(self.client.wake, self.run_id)):
            states = self.while_present(self.client.follow(self.handed, tick_s=PATIENT_TICK_S))
            return next((ending for ending in states if ending is not None), None)

    def endings(self) -> Iterator[Ending | None]:
        """None at every tick, then the ending; nothing more once the client has left."""
        return self.while_present(self.client.follow(self.handed))

    def events(self) -> Iterator[RunEvent | None]:
        """What happens in the run, and None at every tick; nothing more once the client has left."""
        return self.while_present(self.looking(self.client.events(self.run_id)))

    def looking(self, states: Iterator[State]) -> Iterator[State]:
        """Pass on what happens. Raises Overloaded or DeadlinePassed when nobody is there to end the run."""
        patience, next_look_s = Patience(), time.monotonic() + LOOK_S
        for state in states:
            yield state
            if state is None and time.monotonic() >= next_look_s:
                next_look_s += LOOK_S
                patience.ask(partial(self.client.look, self.handed))

    def while_present(self, states: Iterator[State]) -> Iterator[State]:
        """Pass on what happens until the client leaves."""
        for state in states:
            if state is None and client_is_gone(self.environ):
                return
            yield state

    def leave(self, *, failed: bool = False) -> None:
        """The client has its answer, or has left; a run that nobody waits for is cancelled. The client
        of a stream does not come back for it."""
        gone = failed or client_is_gone(self.environ)
        self.client.leave(self.handed, keep=self.question.keep, gone=gone, at_once=self.question.stream)

    def outcome(self, ending: Ending) -> Outcome:
        """What is to be rendered. Raises the error that the run ended with."""
        return outcome_of(self.client, Record(self.run_id, self.created, self.question), ending)
