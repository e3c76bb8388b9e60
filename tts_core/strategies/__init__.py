"""The strategies, one a file. Adding a file here (or an entry point `chorus.strategies`) registers it."""

import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points

from tts_core.registry import Registered, registered


def strategies() -> Mapping[str, Registered]:
    """All strategies by name: the modules of this package, then those of third parties."""
    discover()
    return dict(sorted(registered().items()))


@cache
def discover() -> None:
    """Import every strategy there is, so that it registers itself."""
    for module in pkgutil.iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")
    for point in entry_points(group="chorus.strategies"):
        point.load()
