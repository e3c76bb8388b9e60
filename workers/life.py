"""What a worker process does beside its tasks: it listens for stops, gives signs of life, and, when
it serves the control queue, looks after runs whose time has come."""

import logging
import time
from collections.abc import Callable
from functools import partial
from threading import Event, Thread
from typing import Any

import gevent
import redis
from celery.signals import worker_ready, worker_shutdown, worker_shutting_down
from gevent.pool import Pool
from kombu.exceptions import OperationalError

from workers.celery import settings
from workers.dispatching import Dispatcher
from workers.metrics_calls import FLUSH_S, calls
from workers.queues import BATCH_CONTROL, CONTROL
from workers.roster import Roster
from workers.store import connect
from workers.tasks import begin, claims, rounds, runs, stops, turns
from workers.webhooks import hand_out

BEAT_S = 2.0
TELL_S = 1.0
BREAKERS_S = 1.0
LOOK_S = 0.05
DISPATCH_S = 0.2
HAND_OUT_S = 0.2
LOOKING = 16
LAST_WORD_S = 2.0
log = logging.getLogger(__name__)
looking = Pool(LOOKING)
looked_after: set[str] = set()


@worker_ready.connect
def live(sender: Any, **_: Any) -> None:
    """Start the process's background threads (greenlets, under gevent)."""
    queues = sorted(sender.task_consumer.queues, key=lambda queue: queue.name)
    facts = {"queue": queues[0].name, "slots": sender.pool.limit, "since_s": time.time()}
    roster = Roster(runs().store)

    def beat() -> None:
        if stops().leaving.is_set():
            roster.leave(sender.hostname)
        else:
            roster.beat(sender.hostname, {**facts, "traces": stops().count()}, time.time())

    stops().listen()
    repeat(BEAT_S, beat, name="heartbeat", at_once=stops().leaving)
    repeat(TELL_S, tell_what_is_held, name="held")
    repeat(FLUSH_S, partial(calls.flush, roster.store), name="numbers")
    if watched := [u for u in settings.upstreams.by_name.values() if u.breaker]:
        repeat(BREAKERS_S, partial(turns().breakers.look, watched), name="breakers")
    if facts["queue"] == CONTROL:
        repeat(LOOK_S, look_after_runs, name="deadlines")
        repeat(DISPATCH_S, Dispatcher(runs(), begin_line).look, name="batches")
        repeat(HAND_OUT_S, hand_out, name="webhooks")


def tell_what_is_held() -> None:
    """Tell which traces this process has."""
    if held := stops().held():
        claims().tell(held)


@worker_shutting_down.connect
def drain(**_: Any) -> None:
    """The process is to end: let its traces end too, for a while, then hand back those that have not.

    This is called in the event loop, where nothing may block, not even the start of a thread.
    """
    stops().leaving.set()
    gevent.spawn_later(settings.drain_s, stops().hand_back)


@worker_shutdown.connect
def add_last_numbers(**_: Any) -> None:
    """The process ends: add what it has counted since the last time."""
    try:
        calls.flush(connect(settings.store_url, most=1, silent_s=LAST_WORD_S))
    except redis.RedisError as error:
        log.warning("the last calls could not be counted: %s", error)


def begin_line(run_id: str) -> None:
    """Have the run of a batch's line begun."""
    begin.apply_async((run_id,), queue=BATCH_CONTROL)


def look_after_runs() -> None:
    """Stop and close the runs that are due, several at once: one whose answers take long to compare must
    not keep the others from their deadlines."""
    for run_id in runs().due(time.time()):
        if run_id not in looked_after:
            looked_after.add(run_id)
            looking.spawn(look_after, run_id).link(partial(_looked, run_id))


def _looked(run_id: str, _greenlet: gevent.Greenlet) -> None:
    looked_after.discard(run_id)


def look_after(run_id: str) -> None:
    """One run; a bug met there ends that run, and must not end the looking after all others."""
    try:
        with rounds().at_stake(run_id):
            rounds().look(run_id)
    except (redis.RedisError, OperationalError) as error:
        log.warning("run %s: lost Redis: %s", run_id, error)
    except Exception:
        log.exception("run %s could not be looked after", run_id)
        runs().forget_deadline(run_id)


def repeat(every_s: float, act: Callable[[], None], *, name: str, at_once: Event | None = None) -> None:
    """Do something at an interval for as long as the process lives, and once more `at_once` when that
    is set; a lost Redis is waited for."""
    word = at_once or Event()

    def turn() -> None:
        while True:
            try:
                act()
            except (redis.RedisError, OperationalError) as error:
                log.warning("%s: lost Redis: %s", name, error)
            if word.is_set():
                time.sleep(every_s)
            word.wait(every_s)

    Thread(target=turn, name=name, daemon=True).start()
