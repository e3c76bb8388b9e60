"""What is measured: a scripted upstream and a whole Chorus, started here and stopped again."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any

import httpx

WAITING_CLIENTS = 1000
READY_TIMEOUT_S = 60.0
ASK_EVERY_S = 0.1
STOP_TIMEOUT_S = 30.0
# Room for the waiting clients: a thread each in the web, a slot each in the two samplers.
SETTINGS = {
    "FLOWER": "false",
    "LOG_LEVEL": "WARNING",
    "WEB_THREADS": str(WAITING_CLIENTS + 100),
    "WORKER_CONCURRENCY": str(WAITING_CLIENTS // 2 + 100),
}
LAST_LINES = 20


class NotReady(Exception):
    """A process did not come up; the message has its last lines."""


@dataclass(frozen=True, slots=True)
class Service:
    """A running Chorus and its upstream: base URLs with /v1, and the supervisor's process id."""

    base_url: str
    upstream_url: str
    supervisor: int

    def upstream_stats(self) -> Mapping[str, float]:
        """What the upstream has counted since it started."""
        return self._asked_upstream("/stats")

    def upstream_calls(self) -> Mapping[str, list[dict[str, Any]]]:
        """The upstream's own record of its calls by `bench_run`, once none of them runs any more."""
        give_up_s = time.monotonic() + STOP_TIMEOUT_S
        while self.upstream_stats()["running"]:
            if time.monotonic() > give_up_s:
                raise NotReady("the upstream still writes to streams that nobody should read")
            time.sleep(ASK_EVERY_S)
        return self._asked_upstream("/calls")

    def _asked_upstream(self, path: str) -> Any:
        return httpx.get(self.upstream_url.removesuffix("/v1") + path, trust_env=False).json()


@contextmanager
def running_service(
    settings: Mapping[str, str] = MappingProxyType({}), **script: object
) -> Iterator[Service]:
    """Chorus with these settings and an upstream with these options (see bench.upstream), ready.

    Raises NotReady.
    """
    with (
        TemporaryDirectory(prefix="chorus-bench-") as home,
        running_upstream(**script) as upstream_url,
        running_chorus(Path(home), upstream_url, settings) as service,
    ):
        yield service


@contextmanager
def running_upstream(**script: object) -> Iterator[str]:
    """The scripted upstream's base URL."""
    options = [f"--{name}={value}" for name, value in script.items()]
    command = [sys.executable, "-m", "bench.upstream", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            yield f"http://127.0.0.1:{json.loads(process.stdout.readline())['port']}/v1"
        finally:
            process.kill()


@contextmanager
def running_chorus(home: Path, upstream_url: str, settings: Mapping[str, str]) -> Iterator[Service]:
    """`chorus up` with its data, its log and its working directory in `home`."""
    port, log = free_port(), home / "log"
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    own = {"UPSTREAM_BASE_URL": upstream_url, "PORT": str(port), "CHORUS_DATA_DIR": str(home)}
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [sys.executable, "-P", "-m", "app.cli", "up"],
            cwd=home,
            env={**inherited, **SETTINGS, **own, **settings},
            stdout=output,
            stderr=output,
        ) as process,
    ):
        try:
            wait_until_ready(f"http://127.0.0.1:{port}/ready", process, log)
            yield Service(f"http://127.0.0.1:{port}/v1", upstream_url, process.pid)
        finally:
            stop(process)


def wait_until_ready(url: str, process: subprocess.Popen, log: Path) -> None:
    """Returns when `url` answers 200. Raises NotReady when the process ends or takes too long."""
    give_up_s = time.monotonic() + READY_TIMEOUT_S
    while not is_ready(url):
        if process.poll() is not None or time.monotonic() > give_up_s:
            lines = log.read_text(errors="replace").splitlines()[-LAST_LINES:]
            raise NotReady("\n".join([f"{url} never answered 200:", *lines]))
        time.sleep(ASK_EVERY_S)


def is_ready(url: str) -> bool:
    """Whether `url` answers 200 now."""
    try:
        return httpx.get(url, trust_env=False).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def stop(process: subprocess.Popen) -> None:
    """Ctrl-C, as a person would; the supervisor stops its children."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.terminate()
        process.wait(STOP_TIMEOUT_S)


def free_port() -> int:
    """A loopback port nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]
