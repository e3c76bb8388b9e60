"""The command lines: complete, without secrets, and never open to others by accident."""

import pytest

from app.up import commands
from workers.settings import Settings, SettingsError

PUBLIC = "0.0.0.0"


def option(command: tuple[str, ...], name: str) -> str:
    """The value after an option."""
    return command[command.index(name) + 1]


def test_the_web_may_hold_more_connections_than_threads():
    command = commands.web(Settings(web_threads=7))
    assert int(option(command, "--worker-connections")) > int(option(command, "--threads")) == 7


def test_the_web_brackets_an_ipv6_address():
    assert option(commands.web(Settings(host="::1", port=9001)), "--bind") == "[::1]:9001"


@pytest.mark.parametrize(
    ("level", "asked", "logged"), [("INFO", False, False), ("DEBUG", False, True), ("INFO", True, True)]
)
def test_requests_are_logged_when_debugging_or_asked_to(level, asked, logged):
    command = commands.web(Settings(log_level=level, access_log=asked))
    assert ("--access-logfile" in command) is logged


def test_a_sampling_worker_takes_as_many_tasks_as_the_settings_say():
    command = commands.worker(Settings(worker_concurrency=33), "sample", "sample-1")
    assert (option(command, "-Q"), option(command, "-c")) == ("sample", "33")


@pytest.mark.parametrize(("flower", "events"), [(True, True), (False, False)])
def test_workers_send_events_only_for_flower(flower, events):
    assert ("-E" in commands.worker(Settings(flower=flower), "control", "control")) is events


def test_flower_stays_on_loopback_without_a_password():
    assert "--address=127.0.0.1" in commands.flower(Settings(host=PUBLIC))


def test_flower_follows_the_api_with_a_password():
    settings = Settings(host=PUBLIC, flower_basic_auth="me:secret")
    assert f"--address={PUBLIC}" in commands.flower(settings)


def test_flower_refuses_to_be_public_without_a_password():
    with pytest.raises(SettingsError, match="FLOWER_BASIC_AUTH"):
        commands.flower(Settings(), listen=PUBLIC)


def test_no_secret_stands_in_a_command_line():
    settings = Settings(
        api_keys="hidden", upstream_api_key="hidden", flower_basic_auth="me:hidden", openai_api_key="hidden"
    )
    lines = commands.web(settings) + commands.flower(settings) + commands.worker(settings, "sample", "s")
    assert "hidden" not in " ".join(lines)


@pytest.mark.parametrize("host", [PUBLIC, "192.168.1.5", "::", "example.org"])
def test_the_api_refuses_to_be_public_without_keys(host):
    with pytest.raises(SettingsError, match="CHORUS_API_KEYS"):
        commands.check_exposure(Settings(host=host))


@pytest.mark.parametrize(
    "settings",
    [
        Settings(host="127.0.0.1"),
        Settings(host="localhost"),
        Settings(host="::1"),
        Settings(host=PUBLIC, api_keys="k"),
        Settings(host=PUBLIC, allow_anonymous=True),
    ],
)
def test_the_api_listens_where_that_is_safe_or_wanted(settings):
    commands.check_exposure(settings)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        (PUBLIC, "http://127.0.0.1:1"),
        ("::", "http://[::1]:1"),
        ("::1", "http://[::1]:1"),
        ("10.0.0.1", "http://10.0.0.1:1"),
    ],
)
def test_this_machine_reaches_a_server_wherever_it_listens(host, url):
    assert commands.local_url(host, 1) == url
