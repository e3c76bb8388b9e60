"""Presets: names for bundles of tts_* fields, which a client asks for as a model or behind its name."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from app.schemas.chat import close_to, load_chat
from app.schemas.options import PREFIX
from tts_core.errors import InvalidRequest
from tts_core.strategies import strategies
from workers.settings import Settings, SettingsError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
MODEL, DESCRIPTION = "model", "description"
PLAIN = {"model": "any", "messages": [{"role": "user", "content": "any"}]}


@dataclass(frozen=True, slots=True)
class Preset:
    """A bundle of tts_* fields; `model` is asked when the client names none (None: the default model)."""

    name: str
    fields: Mapping[str, Any]
    model: str | None = None
    description: str = ""

    def told(self, model: str) -> dict[str, Any]:
        """What it stands for when `model` is asked."""
        return {
            "name": self.name,
            "model": model,
            "description": self.description or None,
            "fields": dict(self.fields),
        }


FAST = "Works with every upstream. Ends as soon as the majority is all but certain: 4 of 6 that agree."
BALANCED = "8 traces set the bar, up to 8 more are stopped as soon as they fall below it."
MOST = "16 traces set the bar, up to 48 more are stopped as soon as they fall below it."


def shipped(settings: Settings) -> Iterator[Preset]:
    """The presets of an operator who says nothing; none asks for more than MAX_BUDGET."""
    online = {"tts_strategy": "deepconf", "tts_mode": "online"}
    for name, budget, fields, description in (
        ("fast", 6, {"tts_strategy": "adaptive_consistency"}, FAST),
        ("balanced", 16, online, BALANCED),
        ("max", 64, online, MOST),
    ):
        within = min(budget, settings.max_budget)
        yield Preset(name, {**fields, "tts_budget": within}, None, description)


@cache
def presets(settings: Settings) -> Mapping[str, Preset]:
    """The presets by name: those of PRESETS_FILE, and the shipped ones that it does not replace.

    Raises SettingsError naming the file, the preset and the field.
    """
    own = {preset.name: preset for preset in in_file(settings)} if settings.presets_file else {}
    return {preset.name: preset for preset in shipped(settings)} | own


def in_file(settings: Settings) -> Iterator[Preset]:
    """The operator's own: a table each."""
    try:
        found = tomllib.loads(Path(settings.presets_file).read_text("utf-8"))
    except OSError as error:
        raise mistake(settings, f"cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise mistake(settings, f"is no TOML: {error}") from error
    for name, table in found.items():
        yield preset_of(name, table, settings)


def preset_of(name: str, table: Any, settings: Settings) -> Preset:
    """One preset of the file. Raises SettingsError."""
    if not isinstance(table, dict):
        raise mistake(settings, f"{name!r} is no preset: write [{name}] and its fields below")
    check_name(name, settings)
    for field in table:
        if not field.startswith(PREFIX) and field not in (MODEL, DESCRIPTION):
            hint = close_to(field, (MODEL, DESCRIPTION))
            raise mistake(
                settings, f"{field}: use tts_ fields, {MODEL!r} and {DESCRIPTION!r} only.{hint}", name
            )
    for field in (MODEL, DESCRIPTION):
        if not isinstance(table.get(field, ""), str):
            raise mistake(settings, f"{field}: write a string", name)
    fields = {field: value for field, value in table.items() if field.startswith(PREFIX)}
    try:
        load_chat({**PLAIN, **fields})
    except InvalidRequest as error:
        raise mistake(settings, error.message, name) from error
    return Preset(name, fields, table.get(MODEL) or None, table.get(DESCRIPTION, ""))


def check_name(name: str, settings: Settings) -> None:
    """Raises SettingsError for a name that means something else, or that no URL could carry."""
    if name in strategies():
        raise mistake(settings, "the name is that of a strategy", name)
    if name == settings.default_model:
        raise mistake(settings, "the name is that of the default model", name)
    if not NAME.fullmatch(name):
        raise mistake(settings, "use letters, digits, '_', '.' and '-' for the name", name)


def mistake(settings: Settings, text: str, preset: str = "") -> SettingsError:
    """What is wrong, and where."""
    place = f"preset {preset!r}: " if preset else ""
    return SettingsError(f"PRESETS_FILE={settings.presets_file}: {place}{text}")


def unfold(model: str, settings: Settings) -> tuple[str, Preset | None]:
    """`model@preset`, or a preset by itself, as the model that is asked and the preset; any other name is
    a model's."""
    known = presets(settings)
    if model in known:
        return known[model].model or settings.default_model, known[model]
    name, at, suffix = model.rpartition("@")
    return (name, known[suffix]) if at and name and suffix in known else (model, None)
