"""A worker with our settings and steps, only quicker, for test_lease.py: `celery -A leased_app worker`.

What happens to its tasks it adds to the stream `events` of the Redis LEASED_REDIS, as "what worker".
"""

import os
import signal
import time
from typing import Any

import gevent.monkey
import redis
from celery import Celery
from celery.signals import worker_ready
from kombu.transport.redis import Mutex

from workers.celery import CONF
from workers.lease import Lease
from workers.watchdog import Watchdog

URL = os.environ["LEASED_REDIS"]
NAME = os.environ["LEASED_NAME"]
BROKER = URL.replace("unix://", "redis+socket://")


class QuickLease(Lease):
    beat_s = float(os.environ["LEASED_BEAT_S"])
    abandoned_s = float(os.environ["LEASED_ABANDONED_S"])


class QuickWatchdog(Watchdog):
    hangs_s = float(os.environ["LEASED_HANGS_S"])
    alive_every_s = hangs_s / 10


app = Celery("leased", broker=BROKER, backend=BROKER)
app.conf.update(CONF, task_default_queue="leased", task_routes={})
app.steps["consumer"].add(QuickLease)
app.steps["worker"].add(QuickWatchdog)
store = redis.Redis.from_url(URL)


@worker_ready.connect
def ready(**_: Any) -> None:
    say("ready")


def say(what: str) -> None:
    store.xadd("events", {"said": f"{what} {NAME}"})


@app.task(name="last")
def last(seconds: float) -> None:
    """Redis must be there when it starts and when it ends, but not in between."""
    say("start")
    time.sleep(seconds)
    say("end")


@app.task(name="compute")
def compute() -> None:
    """Never lets another greenlet run."""
    while True:
        pass


@app.task(name="block")
def block() -> None:
    """A call that gevent does not know."""
    gevent.monkey.get_original("time", "sleep")(60)


@app.task(name="die_restoring", acks_late=False)
def die_restoring() -> None:
    """As a worker does that is killed while it restores messages."""
    with app.connection_for_write() as connection:
        channel = connection.default_channel
        with Mutex(channel.client, channel.unacked_mutex_key, channel.unacked_mutex_expire):
            os.kill(os.getpid(), signal.SIGKILL)
