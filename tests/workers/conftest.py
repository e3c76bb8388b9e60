"""A private Redis for tests of the shell."""

import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from shell import Published

from app.up.redis import server_binary
from workers.claims import Claims
from workers.rounds import Rounds
from workers.runs import Runs
from workers.store import connect

TTL_S = 60


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A server of our own on a unix socket, whose path has to be short."""
    with tempfile.TemporaryDirectory(prefix="chorus-") as folder:
        line = Path(folder) / "redis.sock"
        command = [server_binary(), "--port", "0", "--unixsocket", str(line), "--dir", folder, "--save", ""]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            wait_for(line)
            yield f"unix://{line}"
        finally:
            process.terminate()
            process.wait(10)


def wait_for(line: Path) -> None:
    """Until the server answers. Raises TimeoutError."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            with redis.Redis(unix_socket_path=str(line)) as client:
                client.ping()
                return
        except redis.ConnectionError:
            time.sleep(0.02)
    raise TimeoutError(f"no Redis at {line}")


@pytest.fixture
def runs(redis_url: str) -> Iterator[Runs]:
    """An empty store of runs."""
    store = connect(redis_url)
    store.flushall()
    yield Runs(store, TTL_S, longest_s=TTL_S)
    store.connection_pool.disconnect()


@pytest.fixture
def published() -> Published:
    """What was sent to the workers."""
    return Published()


@pytest.fixture
def claims(runs: Runs) -> Claims:
    """The claims of a worker process."""
    return Claims(runs, "me")


@pytest.fixture
def rounds(runs: Runs, published: Published) -> Rounds:
    """What moves runs forward."""
    return Rounds(runs, published)
