"""The command `chorus` explains itself, and its mistakes in one line."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from service import clean_environment

from app import configuration
from app.cli import main
from workers.settings import Settings, SettingsError

WEBHOOK_SECRET = "whsec_ZG8gbm90IHNob3cgdGhlc2UgYnl0ZXMh"
ENV_EXAMPLE = Path(__file__).parents[2] / ".env.example"


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a command in an empty folder and in an environment of these settings alone."""
    monkeypatch.chdir(tmp_path)
    for name in set(os.environ) - set(clean_environment()):
        monkeypatch.delenv(name)

    def run_one(*words: str, **settings: str) -> Result:
        return CliRunner().invoke(main, words, env=settings)

    return run_one


@pytest.mark.parametrize("command", sorted(main.commands))
def test_every_command_has_help_with_examples(run, command):
    result = run(command, "--help")
    assert result.exit_code == 0
    assert f"  chorus {command}" in result.output


def test_the_version_is_told(run):
    assert run("--version").output == "chorus, version 1.0.0\n"


@pytest.mark.parametrize(
    ("name", "value", "advice"),
    [
        ("PORT", "70000", "PORT=70000: use a number from 1 to 65535"),
        ("WORKERS", "0", "WORKERS=0: use a number above 0"),
        ("LOG_LEVEL", "loud", "LOG_LEVEL=loud: use one of debug, info, warning, error"),
        ("LOG_FORMAT", "xml", "LOG_FORMAT=xml: use one of text, json"),
    ],
)
def test_a_setting_out_of_range_ends_in_one_line(run, name, value, advice):
    result = run("config", **{name: value})
    assert (result.exit_code, result.output) == (2, f"chorus: {advice}\n")


def test_a_setting_of_the_wrong_type_ends_in_one_line(tmp_path):
    command = [sys.executable, "-m", "app.cli", "up"]
    environment = clean_environment() | {"PORT": "eighty"}
    ended = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert ended.stderr.startswith("chorus: ")
    assert "PORT" in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_serving_others_without_keys_is_refused(run):
    result = run("serve", HOST="0.0.0.0")
    assert result.exit_code == 2
    assert "CHORUS_API_KEYS" in result.output


def test_config_shows_every_setting(run):
    shown = run("config").output
    assert all(row.name in shown for row in configuration.rows(Settings()))


def test_config_masks_secrets(run):
    secrets = [row.metadata["env"] for row in configuration.fields(Settings) if row.metadata["secret"]]
    values = dict.fromkeys(secrets, "do-not-show") | {"WEBHOOK_SECRET": WEBHOOK_SECRET}
    shown = run("config", **values).output
    assert "do-not-show" not in shown
    assert WEBHOOK_SECRET not in shown
    assert shown.count("***") == len(secrets) >= 4


def test_a_setting_that_is_called_like_a_secret_is_one():
    named = {row.metadata["env"]: row.metadata["secret"] for row in configuration.fields(Settings)}
    assert all(secret for name, secret in named.items() if name.endswith(("KEY", "_TOKEN", "_SECRET")))
    assert not named["DEFAULT_MAX_TOKENS"]


@pytest.mark.parametrize("value", ["do-not-show", "do-not-show=", "crm=do-not-show", "whsec_do-not-show"])
def test_a_mistake_in_a_secret_does_not_show_it(run, value):
    result = run("config", WEBHOOKS="crm=https://crm.example.com/", WEBHOOK_SECRET=value)
    assert result.exit_code == 2
    assert "WEBHOOK_SECRET" in result.output
    assert "do-not-show" not in result.output


def test_no_message_about_the_settings_has_a_secret_in_it():
    settings = Settings(api_keys="sk-one,sk-two")
    assert (
        configuration.masked("sk-two: no such key as sk-one,sk-two", settings) == "***: no such key as ***"
    )


def test_config_shows_what_differs_from_the_default(run):
    assert "  9001   [default: 8001]" in run("config", PORT="9001").output


def test_the_committed_env_example_is_current():
    assert ENV_EXAMPLE.read_text() == configuration.env_example()


def test_the_env_example_does_not_depend_on_the_environment(run):
    assert run("config", "--env-example", PORT="9001").output == configuration.env_example()


def test_the_default_settings_are_in_range():
    configuration.check(Settings())


def test_a_port_of_zero_is_out_of_range():
    with pytest.raises(SettingsError, match="DEMO_PORT=0"):
        configuration.check(Settings(demo_port=0))
