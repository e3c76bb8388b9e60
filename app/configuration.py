"""The settings as people read them: the table of `chorus config` and the file .env.example."""

import re
from collections.abc import Iterator
from dataclasses import MISSING, fields
from importlib.util import find_spec
from typing import Any, NamedTuple

from app.presets import PLAIN, Preset, mistake, presets
from app.questions import read_question, split_model, unused_options
from tts_core.errors import InvalidRequest
from tts_core.filtering import parse_filter
from tts_core.strategies import strategies
from workers.endpoints import read_endpoints, waits_of
from workers.settings import SECRET, Settings, SettingsError, split
from workers.upstreams import Upstream

HEAD = """\
# Every setting of Chorus, with its default. Copy to `.env` and take the # away where you differ.
# Written by `chorus config --env-example`; the environment wins over `.env`.
"""

WORDS = {"log_level": ("debug", "info", "warning", "error"), "log_format": ("text", "json")}
LAST_PORT = 65_535
POSITIVE = {
    *("workers", "worker_concurrency", "web_workers", "web_threads", "demo_threads"),
    *(
        "webhook_timeout_s",
        "upstream_timeout_s",
        "request_timeout_s",
        "job_ttl_s",
        "max_body_bytes",
        "max_budget",
    ),
    *("default_max_tokens", "max_file_bytes", "batch_concurrency"),
    *("max_waiting_traces", "max_waiting_lines", "client_patience_s"),
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
    lines = [f"{row.name:<{width}}  {_state(row)}\n{'':<{width}}  {row.doc}" for row in listed]
    upstreams = settings.upstreams.by_name.values() if settings.upstreams_file else ()
    return "\n".join([*lines, *map(described, upstreams)])


def described(upstream: Upstream) -> str:
    """An upstream in a line, its key masked."""
    quota = upstream.quota
    facts = {
        "key": SECRET if upstream.api_key else "",
        "models": ", ".join(upstream.models),
        "aliases": ", ".join(f"{here} -> {there}" for here, there in upstream.aliases.items()),
        "calls at once": quota.concurrency,
        "requests a minute": quota.requests_per_minute,
        "tokens a minute": quota.tokens_per_minute,
        "fallbacks": ", ".join(upstream.fallbacks),
        "prices": ", ".join(upstream.prices),
    }
    told = "; ".join(f"{name}: {fact}" for name, fact in facts.items() if fact)
    return f"upstream {upstream.name}: {upstream.base_url}" + f"; {told}" * bool(told)


def _state(row: Row) -> str:
    value = row.value or "(not set)"
    return value if row.value == row.default else f"{value}   [default: {row.default or 'not set'}]"


def check(settings: Settings) -> None:
    """Raises SettingsError naming the first setting whose value lies outside its range."""
    try:
        _check_each(settings)
        _check_together(settings)
    except SettingsError as error:
        raise SettingsError(masked(str(error), settings)) from None


def masked(text: str, settings: Settings) -> str:
    """A text without what any secret setting says, whole or one of its comma-separated words."""
    values = [getattr(settings, row.name) for row in fields(Settings) if row.metadata["secret"]]
    words = sorted({word for value in values for word in (value, *split(value)) if word}, key=len)
    return re.sub("|".join(map(re.escape, reversed(words))), SECRET, text) if words else text


def _check_each(settings: Settings) -> None:
    for row in fields(Settings):
        value = getattr(settings, row.name)
        if wanted := _wanted(row.name, value):
            raise SettingsError(f"{row.metadata['env']}={value}: {wanted}")


def _check_together(settings: Settings) -> None:
    settings.upstreams  # noqa: B018 - raises what is wrong with the file
    waits_of(settings)
    read_endpoints(settings)
    if settings.default_strategy not in strategies():
        known = ", ".join(strategies())
        raise SettingsError(f"DEFAULT_STRATEGY={settings.default_strategy}: use one of {known}")
    if not 1 <= settings.deepconf_budget <= settings.max_budget:
        raise SettingsError(f"DEEPCONF_BUDGET: use a number from 1 to MAX_BUDGET={settings.max_budget}")
    for name, url in settings.scorer_urls.items():
        if not (name and url.startswith(("http://", "https://"))):
            raise SettingsError(f"SCORERS: {name or url!r} is not of the form NAME=http://...")
    if not 0 <= settings.deepconf_temperature <= 2:
        raise SettingsError("DEEPCONF_TEMPERATURE: use a number from 0 to 2")
    if settings.job_ttl_s <= settings.request_timeout_s:
        raise SettingsError("JOB_TTL_S: use more than REQUEST_TIMEOUT_S, or runs expire while they run")
    try:
        parse_filter(settings.deepconf_filter_method)
    except InvalidRequest as error:
        raise SettingsError(f"DEEPCONF_FILTER_METHOD: {error.message}") from error
    if settings.otlp_endpoint and find_spec("opentelemetry.sdk") is None:
        raise SettingsError("OTEL_EXPORTER_OTLP_ENDPOINT: install chorus-tts[otel], or take it away")
    check_presets(settings)


def check_presets(settings: Settings) -> None:
    """Raises SettingsError naming the first preset that no client could use, and the field."""
    for preset in presets(settings).values():
        try:
            _check_preset(preset, settings)
        except InvalidRequest as error:
            raise mistake(settings, error.message, preset.name) from error


def _check_preset(preset: Preset, settings: Settings) -> None:
    request = read_question({**PLAIN, "model": preset.name}, None, settings).request
    model = request.sampling.model
    if split_model(model, settings)[0] != model:
        raise mistake(settings, "model: name one of the upstream's, without a suffix", preset.name)
    if unused := unused_options(preset.fields, strategies()[request.strategy]):
        raise mistake(settings, unused[0], preset.name)


def _wanted(name: str, value: Any) -> str:
    if name in WORDS and str(value).lower() not in WORDS[name]:
        return f"use one of {', '.join(WORDS[name])}"
    if name.endswith("port") and not 0 < value <= LAST_PORT:
        return f"use a number from 1 to {LAST_PORT}"
    if name in POSITIVE and value <= 0:
        return "use a number above 0"
    if name in ("upstream_retries", "upstream_max_concurrency") and value < 0:
        return "use 0 or more"
    if name.endswith("api_key") and not (value.isascii() and value.isprintable()):
        return "a key has plain ASCII characters only"
    return ""
