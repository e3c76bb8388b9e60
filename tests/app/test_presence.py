"""Who still waits."""

import socket
from collections.abc import Iterator
from threading import Event

import pytest

from app.presence import SOCKET, Presence, client_is_gone

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Our end and the client's."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


@pytest.fixture(scope="module")
def presence() -> Presence:
    return Presence()


def test_a_silent_client_is_present(pair: Pair) -> None:
    assert not client_is_gone({SOCKET: pair[0]})


def test_a_client_that_sends_ahead_is_present(pair: Pair) -> None:
    pair[1].send(b"GET / HTTP/1.1")
    assert not client_is_gone({SOCKET: pair[0]})


def test_a_client_that_closed_is_gone(pair: Pair) -> None:
    pair[1].close()
    assert client_is_gone({SOCKET: pair[0]})


def test_leaving_is_told_at_once(pair: Pair, presence: Presence) -> None:
    gone = Event()
    with presence.watching({SOCKET: pair[0]}, gone.set):
        assert not gone.is_set()
        pair[1].close()
        assert gone.wait(0.5)


def test_sending_ahead_is_not_leaving(pair: Pair, presence: Presence) -> None:
    gone = Event()
    with presence.watching({SOCKET: pair[0]}, gone.set):
        pair[1].send(b"GET / HTTP/1.1")
        assert not gone.wait(0.2)


def test_who_has_an_answer_is_not_watched(pair: Pair, presence: Presence) -> None:
    gone = Event()
    with presence.watching({SOCKET: pair[0]}, gone.set):
        pass
    pair[1].close()
    assert not gone.wait(0.2)


def test_a_server_that_tells_no_socket_has_present_clients(presence: Presence) -> None:
    with presence.watching({}, lambda: None):
        assert not client_is_gone({})
