"""Real workers on a real Redis: what is killed is done again, what lives is left alone."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from celery import Celery
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from app.up.redis import server_binary
from workers.lease import MUTEX_S

BEAT_S = 0.4
ABANDONED_S = 1.6
HANGS_S = 2.0
SLOTS = 4
SOON_S = 10.0
FOUND_S = ABANDONED_S + BEAT_S + 1.0
HERE = Path(__file__).parent
QUIETLY = ("-W", "ignore:You're running the worker with superuser privileges")

Worker = subprocess.Popen[bytes]


class Broker:
    """A Redis with an AOF, which may be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.line = folder, folder / "redis.sock"
        self.url = f"unix://{self.line}"
        patience = Retry(ConstantBackoff(0.05), 200)
        self.heard = "0"
        self.client = redis.Redis(
            unix_socket_path=str(self.line),
            decode_responses=True,
            retry=patience,
            socket_timeout=2 * SOON_S,
        )
        self.start()

    def start(self) -> None:
        command = [server_binary(), "--port", "0", "--unixsocket", str(self.line), "--save", ""]
        durable = ["--dir", str(self.folder), "--appendonly", "yes", "--appendfsync", "everysec"]
        self.process = subprocess.Popen([*command, *durable], stdout=subprocess.DEVNULL)
        self.client.ping()

    def kill(self) -> None:
        self.client.ping()  # who was answered has its answer, and does not say it again
        self.process.kill()
        self.process.wait()

    def publish(self, task: str, *arguments: Any, group: str = "") -> None:
        broker = self.url.replace("unix://", "redis+socket://")
        with Celery("asking", broker=broker, set_as_current=False) as asking:
            chord = {"group_id": group, "chord": asking.signature("last", (0,))} if group else {}
            asking.send_task(task, arguments, queue="leased", ignore_result=True, **chord)

    def event(self, within_s: float = SOON_S) -> str:
        """The next thing that a worker said; "" if none says anything for so long."""
        found = self.client.xread({"events": self.heard}, count=1, block=int(within_s * 1000))
        if not found:
            return ""
        ((_, ((self.heard, event),)),) = found
        return event["said"]

    def unacknowledged(self) -> int:
        return self.client.hlen("unacked")


@pytest.fixture
def broker() -> Iterator[Broker]:
    with tempfile.TemporaryDirectory(prefix="lease-") as folder:
        broker = Broker(Path(folder))
        yield broker
        broker.kill()
        broker.client.close()


@pytest.fixture
def worker(broker: Broker, tmp_path: Path) -> Iterator[Callable[[str], Worker]]:
    """Starts a worker of that name, and returns when it is ready."""
    started: list[Worker] = []

    def start(name: str) -> Worker:
        environment = {
            **os.environ,
            "PYTHONPATH": str(HERE),
            "LEASED_REDIS": broker.url,
            "LEASED_NAME": name,
            "LEASED_BEAT_S": str(BEAT_S),
            "LEASED_ABANDONED_S": str(ABANDONED_S),
            "LEASED_HANGS_S": str(HANGS_S),
        }
        celery = [sys.executable, *QUIETLY, "-m", "celery", "-q", "-A", "leased_app", "worker"]
        options = ["-P", "gevent", "-c", str(SLOTS), "--without-gossip", "--without-mingle"]
        with (tmp_path / f"{name}.log").open("wb") as log:
            started.append(
                subprocess.Popen(
                    [*celery, *options, "-n", f"{name}@%h"],
                    cwd=HERE.parent.parent,
                    env=environment,
                    stdout=log,
                    stderr=log,
                )
            )
        assert broker.event() == f"ready {name}"
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_a_task_of_a_killed_worker_runs_again_on_another(
    broker: Broker, worker: Callable[[str], Worker]
) -> None:
    first = worker("first")
    broker.publish("last", 60)
    assert broker.event() == "start first"
    worker("second")
    first.kill()
    assert broker.event(FOUND_S) == "start second"


def test_a_task_longer_than_the_time_to_be_abandoned_runs_once(
    broker: Broker, worker: Callable[[str], Worker]
) -> None:
    worker("first")
    broker.publish("last", 3 * ABANDONED_S)
    assert broker.event() == "start first"
    worker("second")
    assert broker.event() == "end first"
    assert broker.event(FOUND_S) == ""
    assert broker.unacknowledged() == 0


def test_a_worker_killed_while_it_restores_does_not_keep_others_from_it(
    broker: Broker, worker: Callable[[str], Worker]
) -> None:
    first = worker("first")
    broker.publish("last", 60)
    assert broker.event() == "start first"
    broker.publish("die_restoring")
    assert first.wait(SOON_S) == -signal.SIGKILL
    assert 0 < broker.client.ttl("unacked_mutex") <= MUTEX_S
    worker("second")
    assert broker.event(MUTEX_S + FOUND_S) == "start second"


def test_a_lost_connection_neither_repeats_a_task_nor_loses_its_acknowledgement(
    broker: Broker, worker: Callable[[str], Worker]
) -> None:
    worker("first")
    broker.publish("last", 2)
    assert broker.event() == "start first"
    broker.client.client_kill_filter(_type="normal", skipme=True)
    assert broker.event() == "end first"
    assert broker.event(FOUND_S) == ""
    assert broker.unacknowledged() == 0


@pytest.mark.parametrize("away_s", [0.0, ABANDONED_S + BEAT_S], ids=["for a moment", "for long"])
def test_tasks_outlive_a_redis_that_was_killed(
    broker: Broker, worker: Callable[[str], Worker], away_s: float
) -> None:
    workers = [worker("first"), worker("second")]
    for _ in workers:
        broker.publish("last", 7)
    started = {broker.event().split()[0] for _ in workers}
    broker.kill()
    time.sleep(away_s)
    broker.start()
    assert started == {"start"}
    assert {broker.event().split()[0] for _ in workers} == {"end"}
    assert broker.event(FOUND_S) == ""
    assert broker.unacknowledged() == 0
    assert [process.poll() for process in workers] == [None, None]


def test_tasks_that_cannot_report_to_their_chord_run_again(
    broker: Broker, worker: Callable[[str], Worker]
) -> None:
    worker("first")
    broker.client.set("celery-taskset-meta-mute.j", "not a set, which Celery takes for a fault of its own")
    for _ in range(SLOTS):
        broker.publish("last", 0, group="mute")
    assert {broker.event() for _ in range(2 * SLOTS)} == {"start first", "end first"}
    assert broker.event(FOUND_S) == "start first"
    broker.client.delete("celery-taskset-meta-mute.j")
    while broker.event(FOUND_S):
        continue
    assert broker.unacknowledged() == 0


@pytest.mark.parametrize("task", ["compute", "block"])
def test_a_process_whose_event_loop_hangs_prints_its_stacks_and_ends(
    broker: Broker, worker: Callable[[str], Worker], tmp_path: Path, task: str
) -> None:
    hanging = worker("hanging")
    broker.publish(task)
    assert hanging.wait(HANGS_S + SOON_S) == 1
    assert f"in {task}\n" in (tmp_path / "hanging.log").read_text()


def test_a_worker_that_drains_keeps_its_tasks_and_is_not_taken_for_hung(
    broker: Broker, worker: Callable[[str], Worker]
) -> None:
    draining = worker("draining")
    broker.publish("last", 2 * HANGS_S)
    assert broker.event() == "start draining"
    worker("other")
    draining.terminate()
    assert broker.event() == "end draining"
    assert draining.wait(SOON_S) == 0
    assert broker.event(FOUND_S) == ""
