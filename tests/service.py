"""A whole Chorus as its users run it: `chorus up` on free ports, with its own Redis and data folder."""

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

import httpx

READY_S = 40
STOPPED_S = 20


@dataclass(frozen=True, slots=True)
class Service:
    """A running service: `url` without /v1, `log` the file of its output."""

    url: str
    log: Path
    process: subprocess.Popen[bytes]
    data_dir: Path

    @property
    def base_url(self) -> str:
        """What an OpenAI client is given."""
        return f"{self.url}/v1"

    @property
    def store_url(self) -> str:
        """Its Redis."""
        return f"unix://{self.data_dir / 'redis.sock'}"


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def clean_environment() -> dict[str, str]:
    """This process's environment without settings that a developer may have."""
    ours = ("UPSTREAM_", "OPENROUTER_", "OPENAI_", "CHORUS_", "REDIS_", "DEEPCONF_", "DEFAULT_")
    ours = (*ours, "FLOWER_", "WEBHOOK")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


@contextmanager
def running(folder: Path, settings: Mapping[str, str]) -> Iterator[Service]:
    """`chorus up` with these settings, ready to serve; stopped by SIGTERM in the end."""
    port = free_port()
    environment = {
        **clean_environment(),
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "CHORUS_DATA_DIR": str(folder / "data"),
        "FLOWER": "false",
        "WORKERS": "1",
        **settings,
    }
    log = folder / "up.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "app.cli", "up"],
            cwd=Path(__file__).parent.parent,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    service = Service(f"http://127.0.0.1:{port}", log, process, folder / "data")
    try:
        wait_until_ready(service)
        yield service
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOPPED_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until_ready(service: Service) -> None:
    """Ask /ready until it says so. Raises AssertionError with the log when it does not."""
    end = time.monotonic() + READY_S
    while time.monotonic() < end:
        if service.process.poll() is not None:
            break
        try:
            if httpx.get(f"{service.url}/ready", timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError(f"the service did not get ready:\n{service.log.read_text()[-4000:]}")
