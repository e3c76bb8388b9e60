"""Logging of every command: one line of text, or one JSON object, per record, on standard error.

What clients or upstreams say cannot begin a line of its own, and a secret of the settings is masked.
"""

import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import fields
from datetime import UTC, datetime
from logging.config import dictConfig
from os import getpid
from typing import Any
from urllib.parse import urlsplit

from celery.signals import celeryd_init, setup_logging

from workers.settings import SECRET, Settings, read_settings, split

request_id: ContextVar[str] = ContextVar("request_id", default="")
job_id: ContextVar[str] = ContextVar("job_id", default="")

CHATTY = ("httpx", "httpcore", "celery.worker.strategy", "kombu")
TRACES = "celery.app.trace"  # warns of every task that is handed back, with its stack
TEXT = "%(asctime)s %(levelname)-7s %(name)s %(message)s"
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
SHORTEST_SECRET = 6
FACTS = "facts"


class Names:
    """What this process is called in its lines: the node of a worker; else its kind and its number."""

    node = ""
    kind = "process"

    @classmethod
    def own(cls) -> str:
        """The name."""
        return cls.node or f"{cls.kind}-{getpid()}"


@celeryd_init.connect
def name_worker(sender: str, **_: Any) -> None:
    """A worker goes by its node's name."""
    Names.node = sender


@contextmanager
def about(job: str) -> Iterator[None]:
    """What is logged in this block is about a job."""
    token = job_id.set(job)
    try:
        yield
    finally:
        job_id.reset(token)


class Masking(logging.Formatter):
    """Puts SECRET in the place of what is to stay secret."""

    def __init__(self, fmt: str | None = None, secrets: tuple[str, ...] = ()) -> None:
        super().__init__(fmt)
        self.secrets = secrets

    def masked(self, text: str) -> str:
        """The text without any secret."""
        for secret in self.secrets:
            text = text.replace(secret, SECRET)
        return text


class TextFormatter(Masking):
    """A line for people, ending in the id of the request it belongs to; a stack below it is indented."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        line = CONTROL.sub(escaped, self.masked(super().formatMessage(record)))
        return f"{line} request_id={request_id.get()}" if request_id.get() else line

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's name
        lines = self.masked(super().formatException(ei)).splitlines()
        return "\n".join(f"  {CONTROL.sub(escaped, line)}" for line in lines)


class JsonFormatter(Masking):
    """One JSON object a line: time (RFC 3339, UTC), level, logger, message, request_id, job_id, worker,
    error, and the facts of a request's line. What is empty is left out."""

    def format(self, record: logging.LogRecord) -> str:
        told: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": self.masked(record.getMessage()),
            "request_id": request_id.get(),
            "job_id": job_id.get(),
            "worker": Names.own(),
            **getattr(record, FACTS, {}),
            "error": self.masked(self.formatException(record.exc_info)) if record.exc_info else "",
        }
        return json.dumps(
            {key: value for key, value in told.items() if value not in ("", None)}, default=str
        )


def escaped(found: re.Match[str]) -> str:
    """A control character as it is written in a program."""
    return found[0].encode("unicode_escape").decode()


def secrets_of(settings: Settings) -> tuple[str, ...]:
    """What must not be in any line, the longest first: one may be the beginning of another."""
    values = [getattr(settings, item.name) for item in fields(settings) if item.metadata["secret"]]
    values += [upstream.api_key for upstream in settings.upstreams.by_name.values()]
    words = {word for value in values for word in (value, *split(value), urlsplit(value).password or "")}
    return tuple(sorted((w for w in words if len(w) >= SHORTEST_SECRET), key=len, reverse=True))


@setup_logging.connect
def configure(**_: Any) -> None:
    """Send all logging of this process to standard error, as the settings say.

    Connected to Celery's signal, so that a worker's lines look like everybody else's.
    """
    settings = read_settings()
    level, form, secrets = settings.log_level.upper(), settings.log_format, secrets_of(settings)
    chatter = level if level == "DEBUG" else "WARNING"
    formatters = {
        "text": {"()": TextFormatter, "fmt": TEXT, "secrets": secrets},
        "json": {"()": JsonFormatter, "secrets": secrets},
    }
    handler = {
        "class": "logging.StreamHandler",
        "formatter": form if form in formatters else "text",
    }
    dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": formatters,
            "handlers": {"stderr": handler},
            "root": {"level": level, "handlers": ["stderr"]},
            "loggers": {
                **{name: {"level": chatter} for name in CHATTY},
                TRACES: {"level": level if level == "DEBUG" else "ERROR"},
            },
        }
    )
