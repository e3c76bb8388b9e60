"""One supervised process, in a process group of its own: started, watched, restarted, stopped."""

import asyncio
import os
import signal
from asyncio.subprocess import DEVNULL, STDOUT
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from app.up.processes import Process

STEADY_S = 10.0
LONGEST_PAUSE_S = 30.0
USAGE_ERROR = 2
PROBE_EVERY_S = 0.05
REMIND_EVERY_S = 20.0
LONGEST_LINE_BYTES = 1 << 20

Say = Callable[[str, str], None]
Note = Callable[[str], None]


class Patience(NamedTuple):
    """How long a process may take to stop, the first pause before a restart, and the last try."""

    grace_s: float = 25.0
    first_pause_s: float = 0.5
    tries: int = 5


class GaveUp(Exception):
    """A process cannot be started; the message says which and why."""


class Child:
    """Keeps one process of the table running until it is stopped."""

    def __init__(self, process: Process, say: Say, note: Note, patience: Patience) -> None:
        """`say` gets the lines it prints; `note` gets +PGID and -PGID as groups come and go."""
        self.process = process
        self._patience = patience
        self._proven = False
        self._say = say
        self._note = note
        self._running: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None

    async def keep_running(self) -> None:
        """Start it whenever it exits, with growing pauses. Raises GaveUp if that is hopeless."""
        failures = 0
        while True:
            born = asyncio.get_running_loop().time()
            code = await self._run_once()
            steady = asyncio.get_running_loop().time() - born >= STEADY_S
            self._proven |= steady
            failures = 1 if steady else failures + 1
            self._check_hope(code, failures)
            pause = min(self._patience.first_pause_s * 2 ** (failures - 1), LONGEST_PAUSE_S)
            self._say("chorus", f"{self.process.name} {ending(code)}; starting again in {pause:g} s")
            await asyncio.sleep(pause)

    async def until_ready(self) -> float:
        """Wait for the probe to say yes; returns after how many seconds it did."""
        clock = asyncio.get_running_loop().time
        born = remind = clock()
        while why := await self._ask():
            if clock() - remind > REMIND_EVERY_S:
                remind = clock()
                self._say("chorus", f"still waiting for {self.process.name}: {why}")
            await asyncio.sleep(PROBE_EVERY_S)
        self._proven |= self.process.probe is not None
        return clock() - born

    async def stop(self) -> None:
        """SIGTERM to the process, SIGKILL to its group when that is done or takes too long."""
        grace_s = self._patience.grace_s
        if self._running is None:
            return
        with suppress(ProcessLookupError):
            self._running.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self._running.wait(), grace_s)
        except TimeoutError:
            self._say("chorus", f"{self.process.name} did not stop in {grace_s:g} s: killed")
        self.kill()
        await self._ended()

    def kill(self) -> None:
        """SIGKILL to the whole group, whoever is left in it."""
        if self._running is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._running.pid, signal.SIGKILL)

    async def _ask(self) -> str:
        return await self.process.probe() if self.process.probe else ""

    async def _run_once(self) -> int:
        output, its_end = os.pipe()
        try:
            self._running = await asyncio.create_subprocess_exec(
                *self.process.command,
                stdin=DEVNULL,
                stdout=its_end,
                stderr=STDOUT,
                start_new_session=True,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        finally:
            os.close(its_end)
        self._note(f"+{self._running.pid}")
        self._reading = asyncio.create_task(self._read(output))
        code = await self._running.wait()
        self.kill()
        await self._ended()
        return code

    async def _ended(self) -> None:
        if self._running is None or self._reading is None:
            return
        await self._running.wait()
        await self._reading
        self._note(f"-{self._running.pid}")
        self._running = None

    async def _read(self, output: int) -> None:
        # Not asyncio's own PIPE: with it, wait() would also wait for whoever inherited the pipe.
        reader = asyncio.StreamReader(LONGEST_LINE_BYTES)
        pipe = os.fdopen(output, "rb", buffering=0)
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), pipe
        )
        while not reader.at_eof():
            try:
                line = await reader.readline()
            except ValueError:
                line = b"(a line too long to show)"
            if text := line.decode(errors="replace").rstrip():
                self._say(self.process.name, text)

    def _check_hope(self, code: int, failures: int) -> None:
        if code == USAGE_ERROR:
            raise GaveUp(f"{self.process.name} cannot start with these settings (see its lines above)")
        if failures >= self._patience.tries and not self._proven:
            raise GaveUp(f"{self.process.name} {ending(code)} {failures} times without getting ready")


def ending(code: int) -> str:
    """How a process ended, in words."""
    return f"exited with {code}" if code >= 0 else f"was killed by {signal.Signals(-code).name}"
