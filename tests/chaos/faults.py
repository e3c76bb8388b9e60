"""The processes of a running service, found in /proc, and what is done to them. Linux only."""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import redis
from service import Service

from app.up.child import STEADY_S
from workers.roster import Roster

PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK")
SERVER = "-server unixsocket:"
LOOK_AGAIN_S = 0.02
WHOLE_S = 60.0
ALIVE_S = 4.0
WEB_WORKERS = 1

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Process:
    """One process; `started_s` is on the epoch."""

    pid: int
    parent: int
    command: tuple[str, ...]
    started_s: float

    def send(self, signum: int) -> None:
        """Signal it; one that is gone already is fine."""
        try:
            os.kill(self.pid, signum)
        except ProcessLookupError:
            return

    def kill(self) -> float:
        """kill -9; the moment of it (monotonic)."""
        self.send(signal.SIGKILL)
        return time.monotonic()

    @property
    def is_alive(self) -> bool:
        """Whether it runs still; what waits to be reaped does not."""
        found = read(self.pid)
        return found is not None and found.started_s == self.started_s

    @property
    def node(self) -> str:
        """The Celery node's name, without its host."""
        return self.command[self.command.index("-n") + 1].removesuffix("@%h")

    def lines_to(self, port: int) -> int:
        """How many connections it has to a loopback port."""
        sockets = {f"socket:[{inode}]" for inode in connections_to(port)}
        return sum(name in sockets for name in descriptors(self.pid))


def read(pid: int) -> Process | None:
    """A process as /proc shows it; None for one that is gone or waits to be reaped."""
    try:
        stat = (PROC / str(pid) / "stat").read_text()
        command = (PROC / str(pid) / "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, parent, *rest = stat.rpartition(")")[2].split()
    if state == "Z":
        return None
    age_s = time.clock_gettime(time.CLOCK_BOOTTIME) - int(rest[17]) / TICKS
    words = tuple(command.decode().split("\0")[:-1])
    return Process(pid, int(parent), words, round(time.time() - age_s, 1))


def descriptors(pid: int) -> list[str]:
    """What the descriptors of a process lead to."""
    found = []
    for entry in (PROC / str(pid) / "fd").iterdir():
        try:
            found.append(str(entry.readlink()))
        except FileNotFoundError:
            continue
    return found


def connections_to(port: int) -> set[str]:
    """The inodes of established connections to a loopback port."""
    rows = [line.split() for line in (PROC / "net" / "tcp").read_text().splitlines()[1:]]
    return {row[9] for row in rows if row[3] == "01" and int(row[2].rpartition(":")[2], 16) == port}


class Fleet:
    """The processes of one service."""

    def __init__(self, service: Service, samplers: int) -> None:
        self.service = service
        self.wanted_samplers = samplers

    def children(self, of: int) -> list[Process]:
        """The processes that a process has started."""
        found = (read(int(entry.name)) for entry in PROC.iterdir() if entry.name.isdigit())
        return [process for process in found if process and process.parent == of]

    def named(self, *words: str) -> list[Process]:
        """The supervised processes whose command line has all these words. A worker that has just been
        started is `chorus worker` for a moment, and only then Celery with its `-n`."""
        mine = self.children(self.service.process.pid)
        return sorted(
            (p for p in mine if set(words) <= set(p.command)), key=lambda process: process.command
        )

    @property
    def samplers(self) -> list[Process]:
        """The workers that sample for those who wait."""
        return [process for process in self.named("worker", "-n") if process.node.startswith("sample")]

    @property
    def control(self) -> Process:
        """The worker that runs strategies."""
        return next(process for process in self.named("worker", "-n") if process.node == "control")

    @property
    def web(self) -> Process:
        """gunicorn's master."""
        return self.named("gunicorn")[0]

    @property
    def web_workers(self) -> list[Process]:
        """gunicorn's processes."""
        return self.children(self.web.pid)

    @property
    def redis(self) -> Process:
        """The embedded server."""
        mine = self.children(self.service.process.pid)
        return next(process for process in mine if SERVER in process.command[0])

    def busiest(self, port: int) -> Process:
        """The sampling worker with the most connections to the upstream's port."""
        return max(self.samplers, key=lambda process: process.lines_to(port))

    def is_whole(self) -> bool:
        """Whether every process of the table runs and has said so since it was started."""
        try:
            celery = [self.control, *self.samplers]
            workers = len(self.samplers), len(self.web_workers)
            complete = workers == (self.wanted_samplers, WEB_WORKERS) and self.redis
        except (IndexError, StopIteration):
            return False
        if not complete:
            return False
        try:
            with redis.Redis.from_url(self.service.store_url) as store:
                alive = Roster(store).alive(time.time() - ALIVE_S)
        except redis.RedisError:
            return False
        since_s = {name.partition("@")[0]: facts["since_s"] for name, facts in alive.items()}
        return all(since_s.get(process.node, 0) > process.started_s for process in celery)

    def is_steady(self) -> bool:
        """Whether all has run for so long that what ends is started again at once."""
        mine = self.children(self.service.process.pid)
        return self.is_whole() and all(time.time() - p.started_s > STEADY_S + 1 for p in mine)


def until(answer: Callable[[], Found], timeout_s: float = WHOLE_S) -> Found:
    """Ask until the answer is yes; returns it. Raises TimeoutError."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if found := answer():
            return found
        time.sleep(LOOK_AGAIN_S)
    raise TimeoutError(f"not true within {timeout_s} s: {answer}")
