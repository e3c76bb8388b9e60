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

TEXT = "%(asctime)s %(levelname)-7s %(name)s %(message)s%(suffix)s"


class RequestId(logging.Filter):
    """Gives every record the id of the request it belongs to."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = request_id.get()
        record.suffix = f" request_id={record.request_id}" if record.request_id else ""
        return True


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time (RFC 3339, UTC), level, logger, message, request_id, error."""

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "request_id": getattr(record, "request_id", ""),
            "error": self.formatException(record.exc_info) if record.exc_info else "",
        }
        return json.dumps({key: value for key, value in fields.items() if value}, default=str)


def configure(level: str, form: str) -> None:
    """Send all logging to standard error; `form` is text or json."""
    formatters = {"text": {"format": TEXT}, "json": {"()": JsonFormatter}}
    handler = {
        "class": "logging.StreamHandler",
        "formatter": form if form in formatters else "text",
        "filters": ["request"],
    }
    dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "filters": {"request": {"()": RequestId}},
            "formatters": formatters,
            "handlers": {"stderr": handler},
            "root": {"level": level.upper(), "handlers": ["stderr"]},
            "loggers": {"httpx": {"level": "WARNING"}, "httpcore": {"level": "WARNING"}},
        }
    )


class GunicornLogs(Logger):
    """gunicorn's records in the same form as all others."""

    def setup(self, cfg: Any) -> None:
        settings = read_settings()
        configure(settings.log_level, settings.log_format)
        super().setup(cfg)
        for log in (self.error_log, self.access_log):
            log.handlers.clear()
            log.propagate = True
