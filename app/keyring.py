"""The store of the clients' keys, for commands: the running service's, or one started for the moment."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from app.up import redis as embedded
from workers.access import AccessKeys
from workers.settings import Settings, SettingsError
from workers.store import connect

STARTED_WITHIN_S = 10.0
SILENT_S = 3.0
LOOK_S = 0.02


@contextmanager
def keyring(settings: Settings) -> Iterator[AccessKeys]:
    """All keys of clients. Raises SettingsError when their store cannot be reached, or takes nothing."""
    store = connect(settings.store_url, most=2, silent_s=SILENT_S)
    try:
        if settings.embedded_redis and not answers(store):
            with started(settings, store):
                yield AccessKeys(store)
        else:
            yield AccessKeys(store)
    except redis.RedisError as error:
        raise SettingsError(f"{place_of(settings)} does not answer as it should: {error}") from error
    finally:
        store.close()


def answers(store: redis.Redis) -> bool:
    """Whether the server is there."""
    try:
        return bool(store.ping())
    except redis.ConnectionError:
        return False


@contextmanager
def started(settings: Settings, store: redis.Redis) -> Iterator[None]:
    """The embedded server, for as long as it is needed: what is written is on disk when it has ended.

    Raises SettingsError when it does not start.
    """
    lock = claimed(settings, store)
    if lock is None:
        yield
        return
    server = subprocess.Popen(  # noqa: S603 - our own command line
        embedded.command(settings), pass_fds=(lock,), stdout=subprocess.DEVNULL
    )
    try:
        wait_for(store, server)
        yield
    finally:
        server.terminate()
        server.wait(STARTED_WITHIN_S)
        os.close(lock)


def claimed(settings: Settings, store: redis.Redis) -> int | None:
    """The lock on the data; None when somebody else is just starting a server on it, which then answers.

    Raises SettingsError.
    """
    try:
        return embedded.claim(settings)
    except SettingsError:
        wait_for(store)
        return None


def wait_for(store: redis.Redis, server: "subprocess.Popen[bytes] | None" = None) -> None:
    """Until the server answers. Raises SettingsError."""
    end_s = time.monotonic() + STARTED_WITHIN_S
    while time.monotonic() < end_s and (server is None or server.poll() is None):
        if is_loaded(store):
            return
        time.sleep(LOOK_S)
    raise SettingsError("the embedded Redis did not start; `chorus redis` says why")


def is_loaded(store: redis.Redis) -> bool:
    """Whether the server is there and has read its file."""
    try:
        return answers(store)
    except redis.BusyLoadingError:
        return False


def place_of(settings: Settings) -> str:
    """The store in words, without its password."""
    return "the embedded Redis" if settings.embedded_redis else "the server of REDIS_URL"


def has_keys(settings: Settings) -> bool:
    """Whether clients need a key because `chorus keys` has made some. Raises SettingsError."""
    if settings.embedded_redis and not (Path(settings.data_dir) / "appendonlydir").exists():
        return False
    with keyring(settings) as found:
        return found.are_there()
