"""What happens in a job as server-sent events, in a shape that is told to clients."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from app.jobs.objects import status_of
from app.jobs.traces import without_text
from app.presence import client_is_gone
from app.questions import Question
from app.render import trimmed, usage
from app.sse import HEARTBEAT
from tts_core.errors import InvalidRequest, UnknownJob
from tts_core.model import Trace
from workers.client import Client
from workers.jobs import Job
from workers.records import RunEvent

START = "0-0"
EVENT_ID = re.compile(r"([0-9]{1,20})-([0-9]{1,20})")
LARGEST = 2**64 - 1


def checked_id(text: str, param: str) -> str:
    """The id of an event. Raises InvalidRequest."""
    match = EVENT_ID.fullmatch(text)
    if not match or any(int(part) > LARGEST for part in match.groups()):
        raise InvalidRequest(f"{text[:64]!r} is not the id of an event.", param=param)
    return text


@dataclass(slots=True)
class Told:
    """Tells a client of a job's events after one of them."""

    client: Client
    job: Job
    after: str

    def is_over(self) -> bool:
        """Whether nothing comes any more."""
        return self.job.ending is not None and not self.client.read_events(self.job.id, self.after, 1.0)

    def write(self, environ: Any) -> Iterator[str]:
        """The events until the end, or until the client has left."""
        yield HEARTBEAT
        ended = False
        for event in self.client.events(self.job.id, self.after):
            if event:
                self.after = event.id
                yield self.sent(event.type, self.content(event))
                continue
            if client_is_gone(environ):
                return
            if ended:  # the word of it was lost
                yield self.sent("end", self.end())
                return
            ended = self.client.ending(self.job.id) is not None
            yield HEARTBEAT

    def sent(self, kind: str, content: dict[str, Any]) -> str:
        """One event on the wire."""
        return f"id: {self.after}\nevent: {kind}\ndata: {json.dumps(content)}\n\n"

    def content(self, event: RunEvent) -> dict[str, Any]:
        """What an event tells."""
        if event.type == "end":
            return self.end()
        told = msgspec.json.decode(event.data)
        match event.type:
            case "trace":
                return self.trace(msgspec.json.decode(event.data, type=Trace))
            case "round":
                return {name: told[name] for name in ("number", "traces", "judge_calls")}
            case "threshold":
                return {"number": told["number"], "stop_below": told["stop_below"]}
        question = Question.of(self.job.submission)
        return {"delta": told["delta"], "logprobs": trimmed(told["logprobs"], question)}

    def trace(self, trace: Trace) -> dict[str, Any]:
        """A trace that has ended; its round may have begun since the job was looked at."""
        found = without_text(self.job, trace)
        if found["round"] is None:
            self.look_again()
            found = without_text(self.job, trace)
        return found

    def end(self) -> dict[str, Any]:
        """How the job ended."""
        self.look_again()
        ending = self.job.ending
        if ending is None:
            return {"status": "deleted", "stopped_by": None, "usage": None}
        return {
            "status": status_of(self.job),
            "stopped_by": ending.why.value,
            "usage": usage(ending.usage, ending.cost),
        }

    def look_again(self) -> None:
        """Read the job anew; one that was deleted meanwhile stays as it was seen last."""
        try:
            self.job = self.client.job(self.job.id, self.job.submission.owner)
        except UnknownJob:
            return
