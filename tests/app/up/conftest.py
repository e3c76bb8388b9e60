"""Real processes for the tests of `chorus up`: started, listened to, and gone at the end of the test."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from service import clean_environment

WAIT_FOR_IT = """
import asyncio, sys
from pathlib import Path
from app.up.probes import socket_probe
async def wait():
    while await socket_probe(Path(sys.argv[1]))():
        await asyncio.sleep(0.01)
asyncio.run(wait())
"""


class Talker:
    """A process whose lines a test waits for."""

    def __init__(self, command: Sequence[str], folder: Path, **settings: str) -> None:
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            env={**clean_environment(), **settings},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def until(self, text: str) -> str:
        """The next line with `text` in it. Raises AssertionError when the process ends without."""
        for line in self.process.stdout:
            self.lines.append(line)
            if text in line:
                return line
        raise AssertionError(f"ended without {text!r}:\n{''.join(self.lines)}")

    def end(self) -> int:
        """Read to the end; the exit code."""
        self.lines.extend(self.process.stdout)
        return self.process.wait()

    def signal(self, signum: signal.Signals) -> None:
        """Send a signal to the process alone."""
        self.process.send_signal(signum)

    @property
    def text(self) -> str:
        """All that was read."""
        return "".join(self.lines)


@pytest.fixture
def talk(tmp_path: Path) -> Iterator[Callable[..., Talker]]:
    """Start a process in an empty folder; `settings` go to its environment."""
    started: list[Talker] = []

    def start(*command: str, **settings: str) -> Talker:
        started.append(Talker(command, tmp_path, **settings))
        return started[-1]

    yield start
    for talker in started:
        talker.process.terminate()
        talker.end()
        talker.process.stdout.close()


@pytest.fixture
def chorus(talk: Callable[..., Talker]) -> Callable[..., Talker]:
    """Start a `chorus` command."""
    return lambda *words, **settings: talk(sys.executable, "-m", "app.cli", *words, **settings)


@pytest.fixture
def serve_redis(chorus: Callable[..., Talker], talk: Callable[..., Talker], tmp_path: Path) -> Callable:
    """Start `chorus redis` and wait until it answers; the process and the path of its socket."""

    def start() -> tuple[Talker, str]:
        server = chorus("redis", CHORUS_DATA_DIR=str(tmp_path / "data"))
        path = str(tmp_path / "data" / "redis.sock")
        assert talk(sys.executable, "-c", WAIT_FOR_IT, path).end() == 0
        return server, path

    return start


class Wake:
    """A FIFO that processes hold open: its end of file is the moment the last of them is gone."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path = path
        self.reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    def all_gone(self, within_s: float) -> bool:
        """Wait for the last holder's end; False when that takes too long."""
        ready, _, _ = select.select([self.reader], [], [], within_s)
        return bool(ready) and os.read(self.reader, 1) == b""


@pytest.fixture
def wake(tmp_path: Path) -> Iterator[Wake]:
    """Tells when every process that opened `wake.path` for writing has ended."""
    found = Wake(tmp_path / "alive")
    yield found
    os.close(found.reader)
