"""Starts the processes of the table in order, keeps them running, stops them in reverse."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from itertools import groupby
from typing import IO

from app.up import guard
from app.up.child import Child, GaveUp, Patience, Say
from app.up.processes import Process

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(Exception):
    """Somebody asked the supervisor to stop."""


class Supervisor:
    """Owns the processes: while it lives they run, and none outlives it."""

    def __init__(self, table: Sequence[Process], say: Say, patience: Patience | None = None) -> None:
        """`say(speaker, line)` gets all output."""
        patience = patience or Patience()
        self._guard = start_guard()
        self._children = [Child(process, say, self._note, patience) for process in table]
        self._say = say
        self._asked = asyncio.Event()

    async def run(self, when_ready: Callable[[], Awaitable[None]]) -> int:
        """Run all until a signal; `when_ready` runs once all are up. Returns the exit code."""
        for signum in SIGNALS:
            asyncio.get_running_loop().add_signal_handler(signum, self._ask_to_stop)
        code = 0
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._until_asked())
                await self._start(tasks)
                await when_ready()
        except* Stopped:
            self._say("chorus", "stopping (once more: kill at once)")
        except* GaveUp as group:
            code = 1
            self._say("chorus", f"giving up: {group.exceptions[0]}")
        finally:
            await self._stop()
        return code

    async def _start(self, tasks: asyncio.TaskGroup) -> None:
        waiting = []
        for child in self._children:
            self._say("chorus", f"starting {child.process.name}")
            tasks.create_task(child.keep_running())
            ready = tasks.create_task(self._report(child))
            if child.process.gate:
                await ready
            waiting.append(ready)
        await asyncio.gather(*waiting)

    async def _report(self, child: Child) -> None:
        took_s = await child.until_ready()
        if child.process.probe:
            self._say("chorus", f"{child.process.name} ready in {took_s:.1f} s")

    async def _stop(self) -> None:
        for _, group in groupby(reversed(self._children), key=lambda child: child.process.role):
            await asyncio.gather(*(child.stop() for child in group))
        self._guard.stdin.close()  # type: ignore[union-attr]
        self._guard.wait()
        self._say("chorus", "all stopped")

    async def _until_asked(self) -> None:
        await self._asked.wait()
        raise Stopped

    def _ask_to_stop(self) -> None:
        if self._asked.is_set():
            for child in self._children:
                child.kill()
        self._asked.set()

    def _note(self, line: str) -> None:
        pipe: IO[str] = self._guard.stdin  # type: ignore[assignment]
        pipe.write(line + "\n")
        pipe.flush()


def start_guard() -> subprocess.Popen[str]:
    """The shadow, in a session of its own so that no terminal's Ctrl-C reaches it."""
    return subprocess.Popen(  # noqa: S603 - our own file, by our own interpreter
        (sys.executable, "-I", os.path.abspath(guard.__file__)),  # noqa: PTH100
        stdin=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
