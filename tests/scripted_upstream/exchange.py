"""What the server and the replies agree on: the call as it came, and the steps that answer it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import msgspec

Json = dict[str, Any]


@dataclass(slots=True)
class Call:
    """One POST /v1/chat/completions, in order of arrival; the server writes its progress here.

    `started_s` and `ended_s` are monotonic. `done`: the script was played to its end.
    `aborted`: the client left before that.
    """

    index: int
    body: Json
    headers: dict[str, str]
    started_s: float
    ended_s: float | None = None
    tokens_sent: int = 0
    aborted: bool = False
    done: bool = False

    @property
    def streams(self) -> bool:
        """Whether server-sent events were asked for."""
        return bool(self.body.get("stream"))


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes for the socket, which carry this many tokens."""

    data: bytes
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Wait:
    """A pause, cut short when the client leaves."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Hang:
    """Silence until somebody closes the connection."""


Step = Write | Wait | Hang


@dataclass(frozen=True, slots=True)
class Reply:
    """The steps that answer a call; `close_after` then closes the connection without a word."""

    steps: Callable[[Call], Iterator[Step]]
    close_after: bool = False


def head(status: int = 200, **headers: object) -> bytes:
    """Status line and header fields (`retry_after=3` is `retry-after: 3`), with the blank line."""
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


def json_answer(body: object, status: int = 200, **headers: object) -> bytes:
    """A whole JSON response; `body` may be bytes that only claim to be JSON."""
    data = body if isinstance(body, bytes) else msgspec.json.encode(body)
    fields = {"content_type": "application/json", "content_length": len(data)}
    return head(status, **fields, **headers) + data


def framed(data: bytes) -> bytes:
    """One chunk of a chunked body."""
    return b"%x\r\n%s\r\n" % (len(data), data)


LAST_CHUNK = b"0\r\n\r\n"
EVENT_STREAM = head(content_type="text/event-stream", transfer_encoding="chunked")


def event(value: object) -> bytes:
    """One server-sent event, framed as a chunk of its own."""
    return framed(b"data: " + msgspec.json.encode(value) + b"\n\n")
