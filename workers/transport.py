"""httpx over the standard library's HTTP/1.1 client.

httpx's own transport parses HTTP in Python, which is 40 % of a streamed token's CPU time; here
http.client does. One connection a request, never reused; a host is looked up once in a while, not
once a trace (docs/decisions/transport.md).
"""

import http.client
import io
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import httpx

READ_BYTES = 16_384
ADDRESS_S = 30


@dataclass(frozen=True, slots=True)
class Hooks:
    """What a caller may do: `connected` is shown the socket before anything is sent, `pace` is
    called before every read and may wait so that more bytes gather."""

    connected: Callable[[socket.socket], None] = lambda _: None
    pace: Callable[[], None] = lambda: None


NO_HOOKS = Hooks()


class Paced(io.RawIOBase):
    """A socket as a file that waits its turn before it reads."""

    def __init__(self, line: socket.socket, pace: Callable[[], None]) -> None:
        self.line = line
        self.pace = pace
        self.behind = False

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """What has arrived; without a pause when the last read could not take all of it."""
        if not self.behind:
            self.pace()
        count = self.line.recv_into(buffer)
        self.behind = count == len(buffer)
        return count


class Transport(httpx.BaseTransport):
    """Opens a connection a request."""

    def __init__(self, tls: ssl.SSLContext, hooks: Hooks = NO_HOOKS) -> None:
        self.tls = tls
        self.hooks = hooks

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; the response's body streams. Raises httpx.TransportError."""
        connection = http.client.HTTPConnection(request.url.host, port_of(request.url))
        connection.sock = self.connect(request)
        try:
            return exchange(connection, request, self.hooks.pace)
        except httpx.TransportError:
            connection.close()
            raise

    def connect(self, request: httpx.Request) -> socket.socket:
        """A connected socket, wrapped in TLS for https."""
        timeouts = request.extensions["timeout"]
        with translated(request, httpx.ConnectError, httpx.ConnectTimeout):
            line = connect_to_any(addresses(request.url.host, port_of(request.url)), timeouts["connect"])
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if request.url.scheme == "https":
                line = self.tls.wrap_socket(line, server_hostname=request.url.host)
            line.settimeout(timeouts["read"])
        self.hooks.connected(line)
        return line


class Body(httpx.SyncByteStream):
    """A response's bytes as they arrive; closing it closes the connection."""

    def __init__(
        self,
        response: http.client.HTTPResponse,
        connection: http.client.HTTPConnection,
        request: httpx.Request,
    ) -> None:
        self.response = response
        self.connection = connection
        self.request = request

    def __iter__(self) -> Iterator[bytes]:
        with translated(self.request):
            while piece := self.response.read1(READ_BYTES):
                yield piece

    def close(self) -> None:
        """Leave the upstream at once."""
        self.response.close()
        self.connection.close()


def exchange(
    connection: http.client.HTTPConnection, request: httpx.Request, pace: Callable[[], None]
) -> httpx.Response:
    """Send the request and read the head of the response."""
    with translated(request):
        path, headers = request.url.raw_path.decode("ascii"), dict(request.headers)
        connection.request(request.method, path, request.read(), headers)
        response = http.client.HTTPResponse(connection.sock, method=request.method)
        response.fp = io.BufferedReader(Paced(connection.sock, pace), READ_BYTES)
        response.begin()
    body = Body(response, connection, request)
    told = [
        (name.encode("latin-1", "replace"), value.encode("latin-1", "replace"))
        for name, value in response.getheaders()
    ]
    return httpx.Response(response.status, headers=told, stream=body)


def connect_to_any(found: list[Any], timeout_s: float) -> socket.socket:
    """The first address that accepts. Raises OSError of the last one that did not."""
    fault = OSError("the host has no address")
    for family, kind, protocol, _, address in found:
        line = socket.socket(family, kind, protocol)
        line.settimeout(timeout_s)
        try:
            line.connect(address)
        except OSError as error:
            line.close()
            fault = error
        else:
            return line
    raise fault


def addresses(host: str, port: int) -> list[Any]:
    """Where `host` is, at most ADDRESS_S old: gevent asks the system through ten threads only."""
    return looked_up(host, port, int(time.monotonic() / ADDRESS_S))


@lru_cache(maxsize=64)
def looked_up(host: str, port: int, _: int) -> list[Any]:
    """The system's own answer."""
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


def port_of(url: httpx.URL) -> int:
    """The port a URL means."""
    return url.port or (443 if url.scheme == "https" else 80)


@contextmanager
def translated(
    request: httpx.Request,
    broken: type[httpx.TransportError] = httpx.ReadError,
    silent: type[httpx.TransportError] = httpx.ReadTimeout,
) -> Iterator[None]:
    """The standard library's exceptions as httpx's."""
    try:
        yield
    except TimeoutError as error:
        raise silent(str(error), request=request) from error
    except http.client.HTTPException as error:
        raise httpx.RemoteProtocolError(repr(error), request=request) from error
    except (OSError, ValueError) as error:
        raise broken(str(error), request=request) from error
