"""A running Chorus as a client over HTTP sees it."""

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from uuid import uuid4

import httpx
from httpx_sse import EventSource, ServerSentEvent

PATIENCE = httpx.Timeout(10.0, read=60.0)
ATTEMPTS = 5
PAUSE_S = 1.0
PAGE = 32
JSON = "application/json"


class AskError(Exception):
    """What went wrong, in words for whoever asked; `status` is the service's (None: nobody was there), and
    `retry_after_s` when it wants to be asked again."""

    def __init__(
        self, message: str, *, status: int | None = None, retry_after_s: float | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after_s = retry_after_s


class Event(NamedTuple):
    """Something that happened in a job."""

    type: str
    data: Mapping[str, Any]


class Service:
    """The service at `url` (with its /v1), asked with a client's key."""

    def __init__(self, url: str, key: str = "") -> None:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self.http = httpx.Client(
            base_url=url.rstrip("/") + "/", headers=headers, timeout=PATIENCE, trust_env=False
        )

    def submit(self, body: Mapping[str, Any], once: str = "") -> dict[str, Any]:
        """Hand in a job; under the same `once` it is the same job. Raises AskError."""
        headers = {"Idempotency-Key": once or uuid4().hex}
        return self.read("POST", "jobs", json=body, headers=headers)

    def estimate(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """What a body would ask for; nothing is asked. Raises AskError."""
        return self.read("POST", "estimate", json=body)

    def traces(self, job_id: str) -> Iterator[dict[str, Any]]:
        """A job's traces that have ended, with their token confidences, by index. Raises AskError."""
        asked: dict[str, Any] = {"limit": PAGE, "confidences": "true"}
        while True:
            page = self.read("GET", f"jobs/{job_id}/traces", params=asked)
            yield from page["data"]
            if not page["has_more"]:
                return
            asked["after"] = page["last_id"]

    def job(self, job_id: str) -> dict[str, Any]:
        """The job as it stands. Raises AskError."""
        return self.read("GET", f"jobs/{job_id}")

    def cancel(self, job_id: str) -> dict[str, Any]:
        """Stop a job; what is finished is kept. Raises AskError."""
        return self.read("POST", f"jobs/{job_id}/cancel")

    def events(self, job_id: str) -> Iterator[Event]:
        """What happens in a job until its end; a connection that breaks is taken up again.

        Raises AskError when it breaks ATTEMPTS times in a row.
        """
        after, failures = "", 0
        while True:
            try:
                for event in self.stream("GET", f"jobs/{job_id}/events", headers=resuming(after)):
                    after, failures = event.id or after, 0
                    if not event.data:  # what httpx-sse makes of a comment
                        continue
                    yield Event(event.event, json.loads(event.data))
                    if event.event == "end":
                        return
            except httpx.TransportError as error:
                failures += 1
                if failures == ATTEMPTS:
                    raise unreachable(self.http.base_url, error) from error
            time.sleep(PAUSE_S)

    def chunks(self, body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """The chunks of a streamed completion. Raises AskError, also for an error inside the stream."""
        try:
            for event in self.stream("POST", "chat/completions", json={**body, "stream": True}):
                if event.data == "[DONE]":
                    return
                chunk = json.loads(event.data)
                if "error" in chunk:
                    raise AskError(chunk["error"]["message"])
                yield chunk
        except httpx.TransportError as error:
            raise unreachable(self.http.base_url, error) from error

    def stream(self, method: str, path: str, **request: Any) -> Iterator[ServerSentEvent]:
        """The events of a response. Raises AskError for an answer that is none, httpx.TransportError."""
        with self.http.stream(method, path, **request) as response:
            if response.status_code >= 300:
                response.read()
                raise refused(response)
            yield from EventSource(response).iter_sse()

    def read(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        """The JSON of an answer. Raises AskError."""
        try:
            response = self.http.request(method, path, **request)
        except httpx.TransportError as error:
            raise unreachable(self.http.base_url, error) from error
        if response.status_code >= 300 or not response.headers.get("content-type", "").startswith(JSON):
            raise refused(response)
        found: dict[str, Any] = response.json()
        return found


def resuming(after: str) -> dict[str, str]:
    """The header that goes on behind an event."""
    return {"Last-Event-ID": after} if after else {}


def unreachable(url: httpx.URL, error: Exception) -> AskError:
    """Nobody is there."""
    return AskError(f"No Chorus answers at {url} ({type(error).__name__}): start one with `chorus up`.")


def refused(response: httpx.Response) -> AskError:
    """The service's own words, or the status when it has none."""
    try:
        told = response.json()["error"]
        place = f" ({told['param']})" if told.get("param") else ""
        said = f"{told['message']}{place}"
    except (ValueError, KeyError, TypeError):
        said = f"{response.url} answered {response.status_code}; is it a Chorus?"
    wait = response.headers.get("retry-after", "")
    return AskError(
        said, status=response.status_code, retry_after_s=float(wait) if wait.isdecimal() else None
    )
