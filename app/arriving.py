"""A request on its way in: when it is whole, and how long a thread waits for the rest of a large one."""

import json
import time
from http import HTTPStatus

import h11
from gunicorn.http.unreader import SocketUnreader

from app.errors import TooSlow, shape

GATHERED_BYTES = 262_144
HEADERS_BYTES = 65_536
LEAST_BYTES_PER_S = 10_000


class Arrival:
    """What has come of a request. `enough` of it is there when it is whole, or when it is so long that a
    thread reads the rest; `refused` is what a client is `told` whose bytes are no HTTP."""

    def __init__(self, begun_s: float, received: bytes = b"") -> None:
        self.begun_s = begun_s
        self.received = bytearray()
        self.enough = False
        self.refused = b""
        self.told = False
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=HEADERS_BYTES)
        self.more(received)

    def more(self, piece: bytes) -> "Arrival":
        """The same with what has come now."""
        if piece and not self.refused:
            self.received += piece
            self._http.receive_data(piece)
            self._understand()
        return self

    def wants_continue(self) -> bool:
        """Whether the client waits for a word before it sends its body; it is to be said once."""
        waits = self._http.they_are_waiting_for_100_continue
        if waits:
            self._http.send(h11.InformationalResponse(status_code=100, headers=[]))
        return bool(waits)

    def _understand(self) -> None:
        try:
            while (event := self._http.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
                self.enough = self.enough or isinstance(event, h11.EndOfMessage | h11.ConnectionClosed)
                if self.enough:
                    return
        except h11.RemoteProtocolError as error:
            self.refused = refusal(
                error.error_status_hint, "The request is not valid HTTP.", "invalid_http"
            )
        paused = self._http.their_state in (h11.MIGHT_SWITCH_PROTOCOL, h11.SWITCHED_PROTOCOL)
        self.enough = paused or len(self.received) >= GATHERED_BYTES


class PatientUnreader(SocketUnreader):
    """What gunicorn reads requests from; it gives up on clients that send too slowly."""

    def begin(self, received: bytes, patience_s: float) -> None:
        """Take what was gathered; the rest may take so long, and longer as it comes."""
        self.unread(received)
        self.deadline_s = time.monotonic() + patience_s

    def chunk(self, size_hint: int | None = None) -> bytes:
        """The next piece. Raises TooSlow."""
        before_s = self.sock.gettimeout()
        left_s = self.deadline_s - time.monotonic()
        self.sock.settimeout(max(0.001, left_s if before_s is None else min(before_s, left_s)))
        try:
            piece: bytes = super().chunk(size_hint)
        except TimeoutError as error:
            raise TooSlow from error
        finally:
            self.sock.settimeout(before_s)
        self.deadline_s += len(piece) / LEAST_BYTES_PER_S
        return piece


def refusal(status: int, message: str, code: str) -> bytes:
    """A whole response for a request that no thread has seen, in OpenAI's shape."""
    body = json.dumps(shape(message, "invalid_request_error", None, code)).encode()
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
