"""Logging of every command: one line of text, or one JSON object, per record, on standard error."""

import json
import logging
from contextvars import ContextVar
from datetime import UTC, datetime
from logging.config import dictConfig
from typing import Any

from celery.signals import setup_logging

from workers.settings import read_settings

request_id: ContextVar[str] = ContextVar("request_id", default="")

CHATTY = ("httpx", "httpcore", "celery.worker.strategy", "kombu")
TRACES = "celery.app.trace"  # warns of every task that is handed back, with its stack
TEXT = "%(asctime)s %(levelname)-7s %(name)s %(message)s"


class TextFormatter(logging.Formatter):
    """A line for people, ending in the id of the request it belongs to."""

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        return f"{line} request_id={request_id.get()}" if request_id.get() else line


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time (RFC 3339, UTC), level, logger, message, request_id, error."""

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "request_id": request_id.get(),
            "error": self.formatException(record.exc_info) if record.exc_info else "",
        }
        return json.dumps({key: value for key, value in fields.items() if value}, default=str)


@setup_logging.connect
def configure(**_: Any) -> None:
    """Send all logging of this process to standard error, as the settings say.

    Connected to Celery's signal, so that a worker's lines look like everybody else's.
    """
    settings = read_settings()
    level, form = settings.log_level.upper(), settings.log_format
    chatter = level if level == "DEBUG" else "WARNING"
    formatters = {"text": {"()": TextFormatter, "fmt": TEXT}, "json": {"()": JsonFormatter}}
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
