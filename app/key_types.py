"""What the options of `chorus keys` take."""

import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import click

from tts_core.strategies import strategies
from workers.settings import split

POSITIVE = click.IntRange(min=1)
MONEY = click.FloatRange(min=0, min_open=True)
SPAN = re.compile(r"(\d{1,5})([mhdw])")
SECONDS: Mapping[str, int] = {"m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}


class Moment(click.ParamType):
    """A time from now (30d, 12h) or a date (2027-01-31, UTC) as seconds since the epoch."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The moment; what is none, or over, is refused."""
        if span := SPAN.fullmatch(value):
            return time.time() + int(span[1]) * SECONDS[span[2]]
        try:
            found = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is neither a time like 30d or 12h nor a date like 2027-01-31", param, ctx)
        at_s = (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
        if at_s <= time.time():
            self.fail(f"{value!r} is over already", param, ctx)
        return at_s


class Names(click.ParamType):
    """Comma-separated names."""

    name = "a,b"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """The names, at least one."""
        found = value if isinstance(value, tuple) else split(value)
        if not found:
            self.fail("name at least one", param, ctx)
        return found


class Strategies(Names):
    """Comma-separated names of strategies."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """The names; one that is none is refused."""
        found = super().convert(value, param, ctx)
        if unknown := [name for name in found if name not in strategies()]:
            self.fail(
                f"{', '.join(unknown)}: no such strategy; known: {', '.join(strategies())}", param, ctx
            )
        return found
