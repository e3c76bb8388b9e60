"""The strategies, one a file. Adding a file here (or an entry point `chorus.strategies`) registers it."""

import pkgutil
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points

from tts_core.registry import (
    Bounds,
    Checked,
    Models,
    OneOf,
    Option,
    Registered,
    origin,
    registered,
    restore,
)

GROUP = "chorus.strategies"
OPTION_TYPES = (bool, int, float, str)
NUMBERS, WORDS = (int, float), (str,)
RULED: Mapping[type, tuple[type, ...]] = {Bounds: NUMBERS, OneOf: WORDS, Checked: WORDS, Models: WORDS}
SHARED = frozenset(
    {
        *("strategy", "window_size", "top_logprobs", "deadline_s", "max_total_tokens", "min_traces"),
        *("answer_format", "answer_hint", "require_logprobs", "judge_model"),
        *("include_traces", "progress", "keep", "keep_confidences"),
    }
)


class PlugInLeftOut(RuntimeWarning):
    """A plug-in cannot be used; the service goes on without it."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A plug-in that cannot be used: its entry point, its package, its module, and why."""

    name: str
    package: str
    module: str
    why: str

    def __str__(self) -> str:
        return f"{self.name!r} of {self.package} ({self.module}): {self.why}"


def strategies() -> Mapping[str, Registered]:
    """All strategies by name: the modules of this package, then those of third parties."""
    discover()
    return dict(sorted(registered().items()))


def left_out() -> tuple[LeftOut, ...]:
    """The plug-ins that cannot be used."""
    return discover()


@cache
def discover() -> tuple[LeftOut, ...]:
    """Import every strategy there is, so that it registers itself; the plug-ins that cannot be used.

    Ours are imported or it is an error. A plug-in that fails is left out with all it registered, and
    `PlugInLeftOut` is warned of. Their order is that of their names, so that of two plug-ins that clash
    every process keeps the same one.
    """
    for module in pkgutil.iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")
    points = sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value))
    failed = tuple(found for point in points if (found := load(point)))
    for found in failed:
        warnings.warn(f"The strategy plug-in {found} is left out", PlugInLeftOut, stacklevel=2)
    return failed


def load(point: EntryPoint) -> LeftOut | None:
    """Import a plug-in; when that fails, the registry is as before."""
    before = dict(registered())
    try:
        point.load()
        check(before)
    except (Exception, SystemExit) as error:  # noqa: BLE001  a stranger's module may raise anything
        restore(before)
        package = point.dist.name if point.dist else "an unknown package"
        return LeftOut(point.name, package, point.value, f"{type(error).__name__}: {error}")
    return None


def check(before: Mapping[str, Registered]) -> None:
    """Raises ValueError when what was registered since cannot be offered to clients."""
    for name, known in before.items():
        if name not in registered() or origin(registered()[name].play) != origin(known.play):
            raise ValueError(f"it took the strategy {name!r} away")
    for name, found in registered().items():
        if name in before:
            continue
        if not name.isidentifier():
            raise ValueError(f"the strategy's name {name!r} is not of letters, digits and _")
        for option in found.options.values():
            check_option(option)


def check_option(option: Option) -> None:
    """Raises ValueError for an option that no field of JSON can be, or that all strategies share."""
    if option.name in SHARED:
        raise ValueError(f"tts_{option.name} is a field of every request, and no option of a strategy")
    if option.type not in OPTION_TYPES:
        raise ValueError(f"the option {option.name!r} is none of bool, int, float, str, or a tuple of them")
    values = option.default if option.several and option.default is not None else (option.default,)
    if not isinstance(values, tuple) or not all(is_value(value, option.type) for value in values):
        raise ValueError(f"the option {option.name!r} has no default of its type")
    if option.rule and option.type not in RULED[type(option.rule)]:
        raise ValueError(f"the option {option.name!r} has a rule for values of another type")
    if option.from_budget and option.type is not int:
        raise ValueError(f"the option {option.name!r} follows from the budget, and is no int")


def is_value(value: object, kind: type) -> bool:
    """Whether an option of this type may be the value; a whole number is a float, too."""
    fitting = NUMBERS if kind is float else (kind,)
    return value is None or (isinstance(value, fitting) and (kind is bool) == isinstance(value, bool))
