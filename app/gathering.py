"""gunicorn's threaded worker, but a request gets a thread only once it is there.

A client that sends its headers byte by byte, or announces a body and does not send it, would else hold a
thread for as long as it likes. Here the loop that accepts connections gathers what comes in; who is too
slow is refused, and when connections run out, the oldest of those that still gather goes first.
"""

import selectors
import socket
import time
from functools import partial
from typing import Any

from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, TConn, ThreadWorker

from app.arriving import Arrival, PatientUnreader, refusal
from workers.settings import read_settings

PIECE_BYTES = 65_536
SLOW = refusal(408, "The request took too long to arrive.", "request_timeout")


class GatheringWorker(ThreadWorker):
    """All methods but `handle` run in the one thread that accepts."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.gathering: dict[TConn, Arrival] = {}
        self.patience_s = read_settings().client_patience_s

    def enqueue_req(self, conn: TConn) -> None:
        """Gather a connection's next request before a thread has to do with it."""
        conn.sock.setblocking(False)
        if not conn.initialized:
            conn.init()
            conn.parser.unreader = PatientUnreader(conn.sock)
            conn.sock.setblocking(False)
        arrival = Arrival(time.monotonic(), conn.parser.unreader.take_buffered())
        if not self.settle(conn, arrival) and not self.read(conn, arrival):
            self.gathering[conn] = arrival
            self.poller.register(conn.sock, selectors.EVENT_READ, partial(self.on_more, conn))

    def accept(self, listener: Any) -> None:
        """Accept a connection; when they run out, at the cost of the one that has gathered for longest."""
        super().accept(listener)
        if self.nr_conns >= self.worker_connections and self.gathering:
            self.drop(next(iter(self.gathering)))

    def on_more(self, conn: TConn, _: Any) -> None:
        """Something has come, or the client has left."""
        if self.read(conn, self.gathering[conn]):
            self.poller.unregister(conn.sock)
            self.gathering.pop(conn, None)

    def read(self, conn: TConn, arrival: Arrival) -> bool:
        """Take in what is there. Returns whether there is nothing more to gather."""
        try:
            piece = conn.sock.recv(PIECE_BYTES)
        except BlockingIOError:
            return False
        except OSError:
            piece = b""
        return self.settle(conn, arrival.more(piece), ended=not piece)

    def settle(self, conn: TConn, arrival: Arrival, *, ended: bool = False) -> bool:
        """Whether a thread, or nobody, has to do with the connection from now on."""
        if arrival.refused and not ended:
            self.refuse(conn, arrival)
            return False
        if arrival.enough or (ended and arrival.received and not arrival.refused):
            conn.parser.unreader.begin(bytes(arrival.received), self.patience_s)
            super().enqueue_req(conn)
        elif ended:
            self.close(conn)
        else:
            if arrival.wants_continue():
                self.say(conn, b"HTTP/1.1 100 Continue\r\n\r\n")
            return False
        return True

    def refuse(self, conn: TConn, arrival: Arrival) -> None:
        """Tell a client that its bytes are no HTTP. What it still sends is read, and forgotten: to close on
        bytes that nobody has read is a reset, which may cost the client the answer."""
        if not arrival.told:
            arrival.told = True
            self.say(conn, arrival.refused)
            self.hang_up(conn)

    def hang_up(self, conn: TConn) -> None:
        """Say that nothing more is said."""
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError as error:
            self.log.debug("A refused client has left: %s", error)

    def close(self, conn: TConn, said: bytes = b"") -> None:
        """Let a connection go, with a last word if there is one."""
        self.nr_conns -= 1
        self.say(conn, said)
        conn.close()

    def say(self, conn: TConn, said: bytes) -> None:
        """Tell a client something short, if it takes it at once."""
        try:
            conn.sock.send(said)
        except OSError as error:
            self.log.debug("A client that still sent its request has left: %s", error)

    def drop(self, conn: TConn) -> None:
        """Give up on a request that does not come."""
        arrival = self.gathering.pop(conn)
        self.poller.unregister(conn.sock)
        self.close(conn, SLOW if arrival.received and not arrival.told else b"")

    def murder_pending(self) -> None:
        """Give up on all that have had their time; a stopping worker waits but a moment."""
        patience_s = self.patience_s if self.alive else min(STOP_KEEPALIVE_LINGER, self.patience_s)
        while self.gathering:
            conn, arrival = next(iter(self.gathering.items()))
            if time.monotonic() < arrival.begun_s + patience_s:
                break
            self.drop(conn)
        super().murder_pending()
