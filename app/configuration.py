"""The settings as people read them: the table of `chorus config` and the file .env.example."""

from collections.abc import Iterator
from dataclasses import MISSING, fields
from typing import Any, NamedTuple

from workers.settings import SECRET, Settings, SettingsError

HEAD = """\
# Every setting of Chorus, with its default. Copy to `.env` and take the # away where you differ.
# Written by `chorus config --env-example`; the environment wins over `.env`.
"""

WORDS = {"log_level": ("debug", "info", "warning", "error"), "log_format": ("text", "json")}
LAST_PORT = 65_535
POSITIVE = {
    *("workers", "worker_concurrency", "web_workers", "web_threads", "demo_threads"),
    *("upstream_timeout_s", "request_timeout_s", "job_ttl_s", "max_body_bytes", "max_budget"),
}


class Row(NamedTuple):
    """One setting: its variable, its value and its default as written in `.env`, what it is for."""

    name: str
    value: str
    default: str
    doc: str
    example: str


def rows(settings: Settings) -> Iterator[Row]:
    """All settings in the order of their declaration, secrets masked."""
    for item in fields(Settings):
        meta = item.metadata
        value = getattr(settings, item.name)
        shown = SECRET if meta["secret"] and value else written(value)
        default = "" if item.default is MISSING else written(item.default)
        yield Row(meta["env"], shown, default, meta["doc"], meta["example"])


def written(value: Any) -> str:
    """A value as one writes it in the environment."""
    if isinstance(value, bool):
        return str(int(value))
    return str(value)


def env_example() -> str:
    """The text of .env.example."""
    entries = [f"# {row.doc}\n#{row.name}={row.default or row.example}\n" for row in rows(Settings())]
    return "\n".join([HEAD, *entries])


def table(settings: Settings) -> str:
    """One setting a paragraph line: variable, value, default where it differs, and meaning."""
    listed = list(rows(settings))
    width = max(len(row.name) for row in listed)
    return "\n".join(f"{row.name:<{width}}  {_state(row)}\n{'':<{width}}  {row.doc}" for row in listed)


def _state(row: Row) -> str:
    value = row.value or "(not set)"
    return value if row.value == row.default else f"{value}   [default: {row.default or 'not set'}]"


def check(settings: Settings) -> None:
    """Raises SettingsError naming the first setting whose value lies outside its range."""
    for row in fields(Settings):
        value = getattr(settings, row.name)
        if wanted := _wanted(row.name, value):
            raise SettingsError(f"{row.metadata['env']}={value}: {wanted}")


def _wanted(name: str, value: Any) -> str:
    if name in WORDS and str(value).lower() not in WORDS[name]:
        return f"use one of {', '.join(WORDS[name])}"
    if name.endswith("port") and not 0 < value <= LAST_PORT:
        return f"use a number from 1 to {LAST_PORT}"
    if name in POSITIVE and value <= 0:
        return "use a number above 0"
    return ""
