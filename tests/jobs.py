"""Short ways to hand in jobs and to see what becomes of them, for tests."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import httpx
from asking import QUESTION

TIMEOUT_S = 60
KEYS = ("sk-one", "sk-two")


class Event(NamedTuple):
    """One server-sent event."""

    id: str
    type: str
    data: dict[str, Any]


class Jobs:
    """The routes of /v1/jobs of one service, as plain HTTP; `key` is sent as the client's."""

    def __init__(self, url: str, key: str = "") -> None:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self.http = httpx.Client(base_url=f"{url}/v1", headers=headers, timeout=TIMEOUT_S)
        self.handed_in: set[str] = set()

    def post(self, path: str = "", *, key: str = "", **body: Any) -> httpx.Response:
        """POST to /v1/jobs and below; `key` is an Idempotency-Key."""
        headers = {"Idempotency-Key": key} if key else {}
        answer = self.http.post(f"/jobs{path}", json=body, headers=headers)
        if answer.status_code == 202:
            self.handed_in.add(answer.json()["id"])
        return answer

    def submit(self, *, key: str = "", **changes: Any) -> httpx.Response:
        """Hand in the plain question."""
        return self.post(key=key, **({"model": "m", "messages": QUESTION} | changes))

    def stop(self) -> None:
        """Have nothing go on that a test has begun."""
        for job_id in self.handed_in:
            self.post(f"/{job_id}/cancel")
        self.http.close()

    def get(self, path: str = "", **query: Any) -> httpx.Response:
        """GET below /v1/jobs."""
        return self.http.get(f"/jobs{path}", params=query)

    def show(self, job_id: str) -> dict[str, Any]:
        """A job."""
        return dict(self.get(f"/{job_id}").raise_for_status().json())

    def begun(self, **changes: Any) -> str:
        """The id of a job that was handed in."""
        return str(self.submit(**changes).raise_for_status().json()["id"])

    def ended(self, job_id: str) -> dict[str, Any]:
        """A job once it has ended."""
        for event in self.events(job_id):
            if event.type == "end":
                break
        return self.show(job_id)

    def done(self, **changes: Any) -> dict[str, Any]:
        """A job that was handed in and has ended."""
        return self.ended(self.begun(**changes))

    def until(self, job_id: str, holds: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """A job once it `holds`. Raises TimeoutError after ten seconds, with the job."""
        deadline_s = time.monotonic() + 10
        while not holds(shown := self.show(job_id)):
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"not so within 10 s: {shown}")
            time.sleep(0.05)
        return shown

    @contextmanager
    def listening(self, job_id: str, after: str = "") -> Iterator[Iterator[Event]]:
        """A job's events, for as long as the connection is open."""
        headers = {"Last-Event-ID": after} if after else {}
        with self.http.stream("GET", f"/jobs/{job_id}/events", headers=headers) as answer:
            yield read(answer.raise_for_status().iter_lines())

    def events(self, job_id: str, after: str = "") -> list[Event]:
        """A job's events to the end."""
        with self.listening(job_id, after) as found:
            return list(found)


def read(lines: Iterator[str]) -> Iterator[Event]:
    """The events in lines of a stream; comments are left out."""
    fields: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(": ")
        if line and name:
            fields[name] = value
        elif fields.get("event"):
            yield Event(fields["id"], fields["event"], json.loads(fields["data"]))
            fields = {}
