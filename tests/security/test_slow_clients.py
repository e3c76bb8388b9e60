"""Clients that send as slowly as they can hold nobody up: a thread is for those who have sent."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import httpx
import pytest
from jobs import KEYS
from service import Service

SLOW = 300  # many more than the service has threads, or connections
PATIENT_S = 10
HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + KEYS[0].encode()
JSON = b"\r\nContent-Type: application/json\r\n"
BEGINNINGS = {
    "nothing": b"",
    "half a header": HEAD[:60],
    "a body that is announced": HEAD + JSON + b"Content-Length: 5000\r\n\r\n{",
    "a chunk that is announced": HEAD + JSON + b"Transfer-Encoding: chunked\r\n\r\nfff\r\n{",
    "a body to be asked for": HEAD + JSON + b"Expect: 100-continue\r\nContent-Length: 9\r\n\r\n",
}


def connection_to(service: Service) -> socket.socket:
    """A new connection."""
    url = httpx.URL(service.url)
    return socket.create_connection((url.host, url.port or 0), timeout=PATIENT_S)


@contextmanager
def crowd(service: Service, said: bytes) -> Iterator[list[socket.socket]]:
    """Many clients that all say the same and go no further."""
    with ExitStack() as stack:
        lines = [stack.enter_context(connection_to(service)) for _ in range(SLOW)]
        for line in lines:
            try:
                line.sendall(said)
            except ConnectionError:
                continue  # it had to give way to another
        yield lines


@pytest.mark.parametrize("said", BEGINNINGS.values(), ids=BEGINNINGS)
def test_those_who_do_not_send_stop_nobody(service: Service, http: httpx.Client, said: bytes) -> None:
    with crowd(service, said):
        assert httpx.get(f"{service.url}/health", timeout=PATIENT_S).status_code == 200
        body = {"model": "m", "messages": [{"role": "user", "content": "?"}], "tts_strategy": "single"}
        assert http.post("/v1/chat/completions", json=body).status_code == 200


@pytest.mark.parametrize("name", ["half a header", "a body that is announced"])
def test_who_is_too_slow_is_told_so_and_let_go(service: Service, name: str) -> None:
    with connection_to(service) as line:
        line.sendall(BEGINNINGS[name])
        answer = line.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"code": "request_timeout"' in answer


def test_a_byte_now_and_then_buys_no_time(service: Service) -> None:
    with connection_to(service) as line:
        line.settimeout(0.2)
        said, end_s = b"", time.monotonic() + PATIENT_S
        for byte in HEAD * 9:
            line.send(bytes([byte]))
            try:
                said = line.recv(9)
            except TimeoutError:
                assert time.monotonic() < end_s
                continue
            break
    assert said == b"HTTP/1.1 "


def test_the_rest_of_a_large_body_has_its_time_too(service: Service, logged: Callable[[], str]) -> None:
    with connection_to(service) as line:
        line.sendall(HEAD + JSON + b"Content-Length: 9000000\r\n\r\n" + b" " * 300_000)
        answer = line.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"request_timeout"' in answer
    assert "Traceback" not in logged()


def test_a_body_that_waits_for_a_word_is_asked_for(service: Service) -> None:
    body = b'{"model": 5}'
    head = HEAD + JSON + b"Expect: 100-continue\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
    with connection_to(service) as line:
        line.sendall(head % len(body))
        told = line.recv(99)
        line.sendall(body)
        answer = line.makefile("rb").read()
    assert told == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert b"HTTP/1.1 400 " in answer


def test_two_requests_in_one_piece_are_two(service: Service) -> None:
    ask = b"GET /health HTTP/1.1\r\nHost: x\r\n"
    with connection_to(service) as line:
        line.sendall(ask + b"\r\n" + ask + b"Connection: close\r\n\r\n")
        answer = line.makefile("rb").read()
    assert answer.count(b"HTTP/1.1 200 ") == 2


def test_a_body_of_two_lengths_is_refused(service: Service) -> None:
    lengths = b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    with connection_to(service) as line:
        line.sendall(HEAD + JSON + lengths)
        answer = line.makefile("rb").read()
    assert not answer or answer.split()[1] == b"400", answer


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: b\x00c\r\n\r\n", b"400"),
        (HEAD + JSON + b"Content-Length: 3\r\nContent-Length: 9\r\n\r\n{}", b"400"),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 90_000 + b"\r\n", b"431"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"b" * 200_000 + b"\r\n\r\n", b"431"),
    ],
)
def test_what_is_no_http_is_refused_in_openais_shape(service: Service, said: bytes, status: bytes) -> None:
    with connection_to(service) as line:
        line.sendall(said)
        answer = line.makefile("rb").read()
    assert answer.split()[1] == status
    assert b'"error"' in answer
