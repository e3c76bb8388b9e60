"""Which runs are to stop. One listener per worker process hears it; a stalled socket is shut down."""

import logging
import socket
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Lock, Thread

import redis

from workers.records import Why
from workers.runs import STOPS

RECONNECT_S = 0.5
log = logging.getLogger(__name__)


class Watch:
    """One trace's view: why it is to stop (None: it is not), and the socket to shut down then."""

    def __init__(self) -> None:
        self.why: Why | None = None
        self.stopped = Event()
        self.line: socket.socket | None = None

    def connected(self, line: socket.socket) -> None:
        """The trace reads from this socket now."""
        self.line = line
        if self.why:
            self.shut(line)

    def stop(self, why: Why) -> None:
        """Tell the trace and wake it, wherever it waits."""
        self.why = why
        self.stopped.set()
        if self.line:
            self.shut(self.line)

    def shut(self, line: socket.socket) -> None:
        """End a read that may be stalled; on a twin, because TLS has its own idea of shutting down."""
        try:
            with socket.fromfd(line.fileno(), line.family, line.type) as twin:
                twin.shutdown(socket.SHUT_RDWR)
        except OSError as error:
            log.debug("the connection was closed already: %s", error)


class Stops:
    """The watches of this process by run."""

    def __init__(self, store: redis.Redis) -> None:
        self.store = store
        self.watches: defaultdict[str, set[Watch]] = defaultdict(set)
        self.lock = Lock()

    @contextmanager
    def watch(self, run_id: str) -> Iterator[Watch]:
        """Have a trace of `run_id` told when to stop."""
        watch = Watch()
        with self.lock:
            self.watches[run_id].add(watch)
        try:
            yield watch
        finally:
            with self.lock:
                self.watches[run_id].discard(watch)
                if not self.watches[run_id]:
                    del self.watches[run_id]

    def tell(self, run_id: str, why: Why) -> None:
        """Stop all traces of `run_id` in this process."""
        with self.lock:
            watches = tuple(self.watches.get(run_id, ()))
        for watch in watches:
            watch.stop(why)

    def listen(self) -> None:
        """Hear of stops in the background for as long as the process lives."""
        Thread(target=self.hear_always, name="stops", daemon=True).start()

    def hear_always(self) -> None:
        """Hear, and start again when Redis went away."""
        while True:
            try:
                self.hear()
            except redis.RedisError as error:
                log.warning("lost Redis while listening for stops: %s", error)
                time.sleep(RECONNECT_S)

    def hear(self) -> None:
        """Pass on what the channel says."""
        with self.store.pubsub(ignore_subscribe_messages=True) as channel:
            channel.subscribe(STOPS)
            for message in channel.listen():
                run_id, _, why = message["data"].decode().partition(" ")
                self.tell(run_id, Why(why))
