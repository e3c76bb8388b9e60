"""Which runs are to stop. One listener per worker process hears it; a stalled socket is shut down."""

import logging
import socket
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Event, Lock, Thread

import msgspec
import redis

from tts_core.confidence import binned_confidences
from tts_core.model import Why
from workers import keys
from workers.records import Curve, Holding, StoredPlan, Word
from workers.runs import Runs

RECONNECT_S = 0.5
log = logging.getLogger(__name__)


class Watch:
    """One trace's view: why it is to stop (None: it is not), whether another process is to have it,
    what it is judged by, its socket, the `door` that it waits at. `tokens` is how many it has received,
    `confidences` (nats) how sure it is of each, when that is to be seen."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.why: Why | None = None
        self.guard: StoredPlan | None = None
        self.handed_back = False
        self.stopped = Event()
        self.line: socket.socket | None = None
        self.door: Event | None = None
        self.began_s = time.monotonic()
        self.tokens = 0
        self.confidences: Sequence[float] = ()

    def curve(self) -> Curve:
        """How sure it has been so far."""
        return Curve(self.index, *binned_confidences(self.confidences))

    def connected(self, line: socket.socket) -> None:
        """The trace reads from this socket now."""
        self.line = line
        if self.why or self.handed_back:
            self.shut(line)

    def stop(self, why: Why) -> None:
        """Tell the trace and wake it, wherever it waits."""
        self.why = why
        self.wake()

    def hand_back(self) -> None:
        """Have the trace given to another process."""
        self.handed_back = True
        self.wake()

    def wake(self) -> None:
        """End whatever the trace waits for."""
        self.stopped.set()
        if self.door:
            self.door.set()
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
    """The watches of this process by run and round."""

    def __init__(self, runs: Runs, ears: redis.Redis) -> None:
        """`ears` must not reconnect by itself: what was said meanwhile has to be looked up."""
        self.runs = runs
        self.ears = ears
        self.watches: defaultdict[str, dict[Watch, int]] = defaultdict(dict)
        self.lock = Lock()
        self.leaving = Event()
        self.draining = False

    @contextmanager
    def watch(self, run_id: str, number: int, index: int) -> Iterator[Watch]:
        """Have a trace of a round told when to stop."""
        watch = Watch(index)
        watch.handed_back = self.draining
        with self.lock:
            self.watches[run_id][watch] = number
        try:
            yield watch
        finally:
            with self.lock:
                del self.watches[run_id][watch]
                if not self.watches[run_id]:
                    del self.watches[run_id]

    def has(self, run_id: str, index: int, but: Watch) -> bool:
        """Whether this process samples a trace already, beside the watch that asks."""
        with self.lock:
            return any(w.index == index and w is not but for w in self.watches.get(run_id, ()))

    def held(self) -> dict[str, Holding]:
        """What this process has of which runs."""
        now_s = time.monotonic()
        with self.lock:
            found = [(run_id, list(watches)) for run_id, watches in self.watches.items()]
        return {
            run_id: Holding(
                at_s=time.time(),
                indexes=tuple(watch.index for watch in watches),
                tokens=sum(watch.tokens for watch in watches),
                ages_s=sum(now_s - watch.began_s for watch in watches),
                curves=tuple(watch.curve() for watch in watches if watch.confidences),
            )
            for run_id, watches in found
        }

    def count(self) -> int:
        """How many traces this process has."""
        return sum(map(len, self.watches.values()))

    def hand_back(self) -> None:
        """Have all traces of this process, and those that still come, given to others."""
        self.draining = True
        with self.lock:
            found = [watch for watches in self.watches.values() for watch in watches]
        for watch in found:
            watch.hand_back()

    def tell(self, word: Word) -> None:
        """Pass a word on to the traces it concerns."""
        with self.lock:
            found = list(self.watches.get(word.run_id, {}).items())
        for watch, number in found:
            if word.number in (None, number):
                watch.guard = word.guard or watch.guard
                if word.why:
                    watch.stop(word.why)

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
        """Pass on what the channel says, after what it said while nobody listened."""
        with self.ears.pubsub(ignore_subscribe_messages=True) as channel:
            channel.subscribe(keys.STOPS)
            self.catch_up()
            for message in channel.listen():
                self.tell(msgspec.json.decode(message["data"], type=Word))

    def catch_up(self) -> None:
        """Look at the record of every run that is watched."""
        for run_id in list(self.watches):
            for word in self.runs.said(run_id):
                self.tell(word)
