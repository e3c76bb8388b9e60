"""A log line is one event: nobody can forge one, and no secret is in it."""

import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.logs import TEXT, JsonFormatter, TextFormatter, about, job_id, request_id, secrets_of
from workers.settings import Settings

SECRET = "sk-0123456789"


@pytest.fixture(autouse=True)
def of_no_request() -> Iterator[None]:
    """Nothing is going on here, whatever tests of this process have begun before."""
    request, job = request_id.set(""), job_id.set("")
    yield
    request_id.reset(request)
    job_id.reset(job)


def record(message: str, *args: Any) -> logging.LogRecord:
    """A record as a logger makes it."""
    return logging.LogRecord("chorus", logging.INFO, __file__, 1, message, args, None)


def told(message: str, *args: Any) -> dict[str, Any]:
    """The fields of its line."""
    found: dict[str, Any] = json.loads(JsonFormatter(secrets=(SECRET,)).format(record(message, *args)))
    return found


@given(st.text())
def test_what_a_client_says_never_begins_a_line(said: str) -> None:
    for formatter in (TextFormatter(TEXT), JsonFormatter()):
        assert len(formatter.format(record("a client says %s", said)).splitlines()) == 1


@given(st.text(min_size=1))
def test_json_tells_what_was_said_as_it_was(said: str) -> None:
    assert told("%s", said)["message"] == said


def test_an_escape_sequence_does_not_reach_the_terminal() -> None:
    assert "\x1b" not in TextFormatter(TEXT).format(record("%s", "\x1b[2J"))


def test_a_stack_is_indented_so_that_its_message_is_no_line_of_its_own() -> None:
    try:
        raise ValueError("one\n2026-01-01 00:00:00,000 ERROR   chorus forged")
    except ValueError:
        failed = record("it failed")
        failed.exc_info = sys.exc_info()
    first, *stack = TextFormatter(TEXT).format(failed).splitlines()
    assert first.endswith("it failed")
    assert all(line.startswith("  ") for line in stack)


@pytest.mark.parametrize("formatter", [TextFormatter(TEXT, (SECRET,)), JsonFormatter(secrets=(SECRET,))])
def test_a_secret_is_masked_wherever_it_stands(formatter: logging.Formatter) -> None:
    assert SECRET not in formatter.format(record("Incorrect API key: %s", SECRET))


def test_every_secret_of_the_settings_is_known() -> None:
    settings = Settings(
        api_keys="sk-client-one, sk-client-two",
        redis_url="redis://:word-of-redis@host/0",
        upstream_base_url="http://u/v1",
        upstream_api_key=SECRET,
    )
    assert {"sk-client-one", "sk-client-two", "word-of-redis", SECRET} <= set(secrets_of(settings))


def test_a_line_names_the_job_it_is_about() -> None:
    with about("r1"):
        assert told("hello")["job_id"] == "r1"
    assert "job_id" not in told("hello")


def test_a_line_names_its_process() -> None:
    assert told("hello")["worker"]
