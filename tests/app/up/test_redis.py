"""The embedded Redis: durable, never evicting, private, and found on every platform or said not to be."""

import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from app.up.redis import claim, server_binary
from workers.settings import Settings, SettingsError

pytestmark = pytest.mark.timeout(30)


@pytest.fixture
def start(serve_redis: Callable) -> Callable:
    """Start `chorus redis`, and a client of it."""

    def start_one() -> tuple:
        server, path = serve_redis()
        return server, redis.Redis(unix_socket_path=path)

    return start_one


def test_keys_survive_a_restart(start):
    server, client = start()
    with client:
        client.set("trace", "kept")
    server.signal(signal.SIGTERM)
    assert server.end() == 0
    _, client = start()
    with client:
        assert client.get("trace") == b"kept"


def test_it_appends_to_a_file_and_never_evicts(start):
    _, client = start()
    with client:
        info = client.info()
    assert (info["aof_enabled"], info["maxmemory_policy"]) == (1, "noeviction")


def test_others_on_the_machine_cannot_reach_it(start, tmp_path):
    _, client = start()
    client.close()
    modes = [(tmp_path / "data").stat().st_mode, (tmp_path / "data" / "redis.sock").stat().st_mode]
    assert [mode & 0o077 for mode in modes] == [0, 0]


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="CHORUS_DATA_DIR"):
        claim(Settings(data_dir=str(tmp_path / "file" / "data")))


def test_the_server_of_the_wheel_is_found():
    assert Path(server_binary()).is_file()


def test_two_servers_never_share_a_data_folder(start, chorus, tmp_path):
    _, client = start()
    client.close()
    second = chorus("redis", CHORUS_DATA_DIR=str(tmp_path / "data"))
    assert second.end() == 2
    assert "already runs on the data" in second.text
