"""httpx over http.client."""

import socket
import ssl
import threading
from collections.abc import Iterator

import httpx
import pytest
import trustme

from workers.transport import Transport

ANSWER = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"


def serve_once(listener: socket.socket, answer: bytes, tls: ssl.SSLContext | None) -> None:
    """Answer one connection, whatever it asks; a peer that does not trust us may leave."""
    line, _ = listener.accept()
    with line:
        try:
            peer = tls.wrap_socket(line, server_side=True) if tls else line
            peer.recv(65_536)
            peer.sendall(answer)
            peer.close()
        except ssl.SSLError:
            return


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A socket that clients can reach."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        yield found


def get(listener: socket.socket, scheme: str, trusted: ssl.SSLContext) -> httpx.Response:
    """One request to the listener."""
    with httpx.Client(transport=Transport(trusted), timeout=5) as client:
        return client.get(f"{scheme}://localhost:{listener.getsockname()[1]}/")


def answered(
    listener: socket.socket, answer: bytes = ANSWER, tls: ssl.SSLContext | None = None
) -> threading.Thread:
    """A server in the background."""
    server = threading.Thread(target=serve_once, args=(listener, answer, tls))
    server.start()
    return server


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def server_tls(authority: trustme.CA) -> ssl.SSLContext:
    """The server's side, for localhost."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


def test_a_chunked_body_is_put_together(listener: socket.socket) -> None:
    server = answered(listener)
    assert get(listener, "http", ssl.create_default_context()).content == b"hi"
    server.join()


def test_https_is_spoken_to_a_trusted_server(
    listener: socket.socket, authority: trustme.CA, server_tls: ssl.SSLContext
) -> None:
    trusted = ssl.create_default_context()
    authority.configure_trust(trusted)
    server = answered(listener, tls=server_tls)
    assert get(listener, "https", trusted).content == b"hi"
    server.join()


def test_https_is_not_spoken_to_a_stranger(listener: socket.socket, server_tls: ssl.SSLContext) -> None:
    server = answered(listener, tls=server_tls)
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        get(listener, "https", ssl.create_default_context())
    server.join()


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (b"", httpx.RemoteProtocolError),
        (b"SSH-2.0\r\n", httpx.RemoteProtocolError),
        (ANSWER[:-12], httpx.RemoteProtocolError),
    ],
    ids=["nothing", "no http", "half a body"],
)
def test_what_is_not_http_is_a_protocol_error(
    listener: socket.socket, answer: bytes, fault: type[Exception]
) -> None:
    server = answered(listener, answer)
    with pytest.raises(fault):
        get(listener, "http", ssl.create_default_context())
    server.join()


def test_nobody_there_is_a_connect_error(listener: socket.socket) -> None:
    listener.close()
    with (
        pytest.raises(httpx.ConnectError),
        httpx.Client(transport=Transport(ssl.create_default_context())) as client,
    ):
        client.get("http://127.0.0.1:9/")
