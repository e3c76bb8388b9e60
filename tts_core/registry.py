"""What the rest of the house may know about a strategy: its name, its paper, its options."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from tts_core.model import Strategy

Play = Callable[..., Strategy]


@dataclass(frozen=True, slots=True)
class Bounds:
    """Inclusive limits of a numeric option."""

    lowest: float | None = None
    highest: float | None = None


@dataclass(frozen=True, slots=True)
class OneOf:
    """The words an option may be."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Checked:
    """An option of its own small language; `check` raises InvalidRequest, `syntax` says what it may be."""

    check: Callable[[str], object]
    syntax: str


@dataclass(frozen=True, slots=True)
class Models:
    """An option that names models of the upstream; each must exist. `most` of them at once."""

    most: int = 8


@dataclass(frozen=True, slots=True)
class FromBudget:
    """An option that is `of(budget)` when none is given, and never above the budget. A run that gets a
    larger budget keeps what it had."""

    of: Callable[[int], int]


@dataclass(frozen=True, slots=True)
class Option:
    """A keyword-only parameter of a strategy; clients send it as `tts_<name>`. When it is a tuple, `type`
    is that of its items and `several` is true."""

    name: str
    type: type
    default: Any
    doc: str
    rule: Bounds | OneOf | Checked | Models | None = None
    from_budget: FromBudget | None = None
    several: bool = False


@dataclass(frozen=True, slots=True)
class Registered:
    """A strategy and what it says of itself. `needs` names what the upstream must offer."""

    name: str
    play: Play
    summary: str
    paper: str
    needs: tuple[str, ...]
    options: Mapping[str, Option]


_strategies: dict[str, Registered] = {}


def strategy(name: str, *, paper: str = "", needs: tuple[str, ...] = ()) -> Callable[[Play], Play]:
    """Register a strategy under `name`. Its options are its keyword-only parameters,
    `Annotated[type, rule, "doc"]`. Raises ValueError when the name is taken by another one, or an
    option's name by one of another type or rule."""

    def register(play: Play) -> Play:
        taken = _strategies.get(name)
        if taken and origin(taken.play) != origin(play):
            raise ValueError(f"the strategy {name!r} exists already")
        options = options_of(play)
        check_options(name, options)
        summary = (inspect.getdoc(play) or "").partition("\n")[0]
        _strategies[name] = Registered(name, play, summary, paper, needs, options)
        return play

    return register


def origin(play: Play) -> tuple[str, str]:
    """Where a function is written down: the same one may register again, as when its module is reloaded."""
    return play.__module__, play.__qualname__


def check_options(name: str, options: Mapping[str, Option]) -> None:
    """One name, one meaning: a client's field is read by one rule. Raises ValueError."""
    for other in _strategies.values():
        for option in options.values():
            taken = other.options.get(option.name, option)
            if other.name != name and kind_of(taken) != kind_of(option):
                raise ValueError(f"{name} and {other.name} have different options {option.name!r}")


def kind_of(option: Option) -> tuple[object, ...]:
    """What a value of the option may be."""
    return option.type, option.several, option.rule


def registered() -> Mapping[str, Registered]:
    """The strategies registered so far."""
    return _strategies


def restore(before: Mapping[str, Registered]) -> None:
    """Forget what was registered since `before`, a copy of the registry."""
    _strategies.clear()
    _strategies.update(before)


def options_of(play: Play) -> dict[str, Option]:
    """The options of a strategy, read from its signature."""
    hints = get_type_hints(play, include_extras=True)
    return {
        parameter.name: option(parameter, hints[parameter.name])
        for parameter in inspect.signature(play).parameters.values()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    }


def option(parameter: inspect.Parameter, hint: Any) -> Option:
    """One keyword-only parameter as an option."""
    kind, *notes = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    several = get_origin(kind) is tuple
    parts = get_args(kind) if get_origin(kind) in (tuple, Union, UnionType) else (kind,)
    kinds = {part for part in parts if part not in (NoneType, Ellipsis)}
    return Option(
        name=parameter.name,
        type=kinds.pop() if len(kinds) == 1 else kind,
        default=parameter.default,
        doc=next((note for note in notes if isinstance(note, str)), ""),
        rule=next((note for note in notes if isinstance(note, Bounds | OneOf | Checked | Models)), None),
        from_budget=next((note for note in notes if isinstance(note, FromBudget)), None),
        several=several,
    )
