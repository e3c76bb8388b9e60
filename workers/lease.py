"""Messages of a worker that died come back, those of a worker that lives do not.

Celery acknowledges late, so a message being worked on waits in Redis (`unacked`) with the time of its
delivery. Under gevent kombu never looks for the abandoned ones (kombu#1025), and handing out whatever
is old would run long tasks twice. So every process says every few seconds which messages are its own
still, and hands out again those that nobody has spoken for.
"""

import logging
import time
from threading import Thread
from typing import Any

import redis
from celery import Celery, bootsteps
from celery.worker import state
from kombu.exceptions import OperationalError

BEAT_S = 3.0
ABANDONED_S = 15.0
MUTEX_S = 5
RESTORED_AT_ONCE = 1000
SILENT_S = 3.0
AWAY = (redis.RedisError, OperationalError, OSError)
log = logging.getLogger(__name__)


class Lease(bootsteps.StartStopStep):
    """The step of a worker's consumer that beats from the first start until the process ends.

    Not until `stop`: a lost connection stops and starts the consumer while its tasks go on, and at the
    end of a process the pool drains after the consumer has stopped.
    """

    requires = ("celery.worker.consumer.tasks:Tasks",)
    beat_s = BEAT_S
    abandoned_s = ABANDONED_S

    def __init__(self, consumer: Any, **options: Any) -> None:
        super().__init__(consumer, **options)
        self.thread: Thread | None = None

    def start(self, consumer: Any) -> None:
        """Take over what is being worked on, and begin to beat, unless this is a reconnect."""
        adopt(consumer.task_consumer.channel)
        if self.thread is None:
            heart = Heart(consumer.app, self.beat_s, self.abandoned_s)
            self.thread = Thread(target=heart.run, name="lease", daemon=True)
            self.thread.start()

    def stop(self, consumer: Any) -> None:
        """Hand out at once what is left, if this is the end and no reconnect."""
        if consumer.task_consumer:
            consumer.task_consumer.channel.do_restore = consumer.blueprint.state == bootsteps.CLOSE


class Heart:
    """Renews what this process holds and restores what nobody holds.

    It has a connection of its own: the consumer's is closed while it reconnects, which may take it up
    to 30 s, and by then others would have taken this process for dead.
    """

    def __init__(self, app: Celery, beat_s: float, abandoned_s: float) -> None:
        self.app, self.beat_s, self.abandoned_s = app, beat_s, abandoned_s
        self.channel: Any = None
        self.renewed_at = self.patient_until = float("-inf")

    def run(self) -> None:
        """Beat for as long as the process lives; Redis may be away for as long as it likes."""
        while True:
            try:
                self.beat()
            except AWAY as error:
                log.warning("lease: lost Redis: %s", error)
                self.disconnect()
            time.sleep(self.beat_s)

    def beat(self) -> None:
        """Let go of what is done for, renew the rest, then restore. Raises AWAY."""
        self.notice_a_lapse(time.monotonic())
        channel = self.channel = self.channel or self.connect()
        let_go(channel)
        renew(channel)
        self.renewed_at = time.monotonic()
        if self.renewed_at >= self.patient_until:
            channel.qos.restore_visible(num=RESTORED_AT_ONCE, interval=1)

    def notice_a_lapse(self, now: float) -> None:
        """Restore nothing for two beats when one was missed, as at the start: the others may have been
        kept from renewing too, and what looks abandoned is alive."""
        if now - self.renewed_at > 2 * self.beat_s:
            self.patient_until = now + 2 * self.beat_s

    def connect(self) -> Any:
        """A channel that no consumer shares, and which gives up on a silent server."""
        connection = self.app.connection_for_write(
            transport_options={
                "visibility_timeout": self.abandoned_s,
                "socket_timeout": SILENT_S,
                "socket_connect_timeout": SILENT_S,
            }
        )
        return connection.ensure_connection(max_retries=0).channel()

    def disconnect(self) -> None:
        if self.channel:
            self.channel.connection.client.release()
            self.channel = None


def adopt(channel: Any) -> None:
    """Make the messages at work this channel's: the one they came by may be closed, and cannot
    acknowledge any more. Nor may this one hand them out again when it is closed in its turn."""
    channel.do_restore = False
    for message in at_work():
        message.channel = channel
        channel.qos._delivered[message.delivery_tag] = message


def at_work() -> list[Any]:
    """The messages that this process is working on, or is about to."""
    return [request.message for request in list(state.requests.values())]


def let_go(channel: Any) -> None:
    """Hand out again the messages whose greenlet has died. Raises AWAY.

    One that cannot report to its chord, because Redis is away at that moment, dies beneath all of
    Celery's handling: its message would be ours, and its slot taken, for as long as the process lives.
    """
    for request in [request for request in list(state.requests.values()) if has_died(request)]:
        message = request.message
        log.warning("lease: %s could not report that it has ended; it is handed out again", request.id)
        state.task_ready(request)
        message.channel.qos._dirty.add(message.delivery_tag)
        channel.qos.restore_by_tag(message.delivery_tag)


def has_died(request: Any) -> bool:
    """Whether a task at work has no greenlet any more; one that waits for a slot has none yet."""
    if request._apply_result is None:
        return False
    greenlet = request._apply_result()
    return greenlet is None or greenlet.ready()


def renew(channel: Any) -> None:
    """Date the messages at work to now; one acknowledged meanwhile stays gone (XX). Raises AWAY."""
    now = time.time()
    if dates := {message.delivery_tag: now for message in at_work()}:
        with channel.conn_or_acquire() as client:
            client.zadd(channel.unacked_index_key, dates, xx=True)
