"""A web process's inbox: the runs it waits for are announced in one Redis list, which one thread reads."""

import logging
import time
from collections import defaultdict
from threading import Event, Lock, Thread
from typing import Any
from uuid import uuid4

import redis

from workers import keys

READ_S = 10
PAUSE_S = 0.5
log = logging.getLogger(__name__)


class Inbox:
    """Wakes requests as their runs end."""

    def __init__(self, store: Any) -> None:
        self.store = store
        self.name = keys.inbox(uuid4().hex)
        self.waiting: defaultdict[str, list[Event]] = defaultdict(list)
        self.count = 0
        self.lock = Lock()
        self.reader: Thread | None = None

    def enter(self, run_id: str) -> Event:
        """Wait for a run: the event is set when it has ended."""
        woken = Event()
        with self.lock:
            self.waiting[run_id].append(woken)
            self.count += 1
        return woken

    def leave(self, run_id: str, woken: Event) -> None:
        """Wait no more."""
        with self.lock:
            self.waiting[run_id].remove(woken)
            self.count -= 1
            if not self.waiting[run_id]:
                del self.waiting[run_id]

    def wake(self, run_id: str) -> None:
        """Have all who wait for the run look up."""
        with self.lock:
            found = list(self.waiting.get(run_id, ()))
        for woken in found:
            woken.set()

    def listen(self) -> None:
        """Start the thread that reads the inbox; only once, and only after gunicorn has forked."""
        with self.lock:
            if self.reader is None:
                self.reader = Thread(target=self.read_always, name="inbox", daemon=True)
                self.reader.start()

    def read_always(self) -> None:
        """Wake waiting requests as their runs end, and start again when Redis went away."""
        while True:
            try:
                self.read()
            except redis.RedisError as error:
                log.warning("lost Redis while reading the inbox: %s", error)
                time.sleep(PAUSE_S)

    def read(self) -> None:
        """Wait for the next run that ended."""
        word = self.store.blpop([self.name], timeout=READ_S)
        if word:
            self.wake(word[1].decode())
