"""Ends a worker process whose event loop hangs, so that the supervisor starts it anew."""

import faulthandler
import time
from threading import Thread
from typing import Any

from celery import bootsteps

HANGS_S = 30.0
ALIVE_EVERY_S = 2.0
STDERR = 2  # Celery makes sys.stderr a logger, which has no file


class Watchdog(bootsteps.StartStopStep):
    """The step of a worker that arms faulthandler's timer, and puts it off for as long as greenlets run.

    The timer is a thread in C, which needs neither the interpreter's lock nor the event loop: a loop
    that only computes, or a call that gevent does not know, cannot keep it from printing all stacks
    and leaving with status 1. Putting it off needs no Redis, and goes on while the pool drains.
    """

    requires = ("celery.worker.components:Pool",)
    hangs_s = HANGS_S
    alive_every_s = ALIVE_EVERY_S

    def start(self, _worker: Any) -> None:
        """Watch from now until the process ends."""
        self.put_off()
        Thread(target=self.watch, name="watchdog", daemon=True).start()

    def watch(self) -> None:
        """Put it off as often as greenlets run."""
        while True:
            time.sleep(self.alive_every_s)
            self.put_off()

    def put_off(self) -> None:
        """The process ends at `hangs_s` from now, unless this is called again before."""
        faulthandler.dump_traceback_later(self.hangs_s, exit=True, file=STDERR)
