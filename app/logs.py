"""Logging of every command: one line of text, or one JSON object, per record, on standard error."""

import json
import logging
from contextvars import ContextVar
from datetime import UTC, datetime
from logging.config import dictConfig
from typing import Any

from gunicorn.glogging import Logger

from workers.settings import read_settings

request_id: ContextVar[str] = ContextVar("request_id", default="")

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


def configure(level: str, form: str) -> None:
    """Send all logging to standard error; `form` is text or json."""
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
            "root": {"level": level.upper(), "handlers": ["stderr"]},
            "loggers": {"httpx": {"level": "WARNING"}, "httpcore": {"level": "WARNING"}},
        }
    )


class GunicornLogs(Logger):  # type: ignore[misc]
    """gunicorn's records in the same form as all others."""

    def setup(self, cfg: Any) -> None:
        settings = read_settings()
        configure(settings.log_level, settings.log_format)
        super().setup(cfg)
        for log in (self.error_log, self.access_log):
            log.handlers.clear()
            log.propagate = True
