"""One child process that compares mathematics, as its parent sees it."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from workers import comparing

WATCHDOG_S = 1.0
ALARM = 0.4
DYING_S = 30.0
COMMAND: tuple[str, ...] = (sys.executable, "-I", "-W", "ignore", str(Path(comparing.__file__)))
KEPT = ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT")


class NotReady(Exception):
    """The child could not be asked in time."""


class Unanswered(Exception):
    """The child did not answer in time, and was ended."""


class Child:
    """Started when it is first needed. It is spoken to over a socket, whose waits are cooperative under
    gevent as well as bounded, and which the child finds closed when its parent is gone, however it went.
    """

    def __init__(self, watchdog_s: float = WATCHDOG_S) -> None:
        """A question has `watchdog_s`, of which the child itself takes ALARM in processor time."""
        self.watchdog_s = watchdog_s
        self.command = COMMAND
        self.process: subprocess.Popen[bytes] | None = None
        self.line: socket.socket | None = None
        self.is_new = True
        self.is_ready = False
        self.started_s = 0.0

    def prepare(self, within_s: float) -> None:
        """Have the child ready for a question. Raises NotReady when it takes longer."""
        if self.process is None:
            self.start()
        if self.is_ready:
            return
        try:
            self.hear(max(within_s, 0.001))
        except TimeoutError as error:
            if time.monotonic() > self.started_s + DYING_S:
                self.stop()
            raise NotReady from error
        except OSError as error:
            self.stop()
            raise NotReady from error
        self.is_ready, self.is_new = True, False

    def start(self) -> None:
        """Start the process, in a session of its own: Ctrl-C is not for it, and no secret is told it."""
        ours, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(  # noqa: S603 - our own command
                (*self.command, str(self.watchdog_s * ALARM)),
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=subprocess.DEVNULL,
                env={name: os.environ[name] for name in KEPT if name in os.environ},
                start_new_session=True,
            )
        self.line, self.is_ready, self.started_s = ours, False, time.monotonic()

    def ask(self, expressions: Sequence[str]) -> bool | None:
        """Whether one expression equals the other; of one alone, whether it can be evaluated at all. None
        when the child gave it up.

        Raises Unanswered when the child had to be ended; another one is started then.
        """
        assert self.line  # noqa: S101 - says so to the type checker
        try:
            self.line.settimeout(self.watchdog_s)
            self.line.sendall(json.dumps(expressions).encode() + b"\n")
            return self.hear(self.watchdog_s)
        except OSError as error:
            self.stop()
            self.start()
            raise Unanswered from error
        except BaseException:  # whoever waited was interrupted: the next one must not hear this answer
            self.stop()
            raise

    def hear(self, within_s: float) -> bool | None:
        """The next line. Raises OSError when there is none in time (TimeoutError) or at all."""
        assert self.line  # noqa: S101
        self.line.settimeout(within_s)
        word = b""
        while not word.endswith(b"\n"):
            more = self.line.recv(64)
            if not more:
                raise ConnectionResetError
            word += more
        return {b"true\n": True, b"false\n": False}.get(word)

    def stop(self) -> None:
        """End the process at once."""
        if self.process and self.line:
            self.process.kill()
            self.process.wait()
            self.line.close()
        self.process = self.line = None
        self.is_ready = False
