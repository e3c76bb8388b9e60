"""What `chorus up` prints: every line with the coloured name of who says it."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime

import click

COLOURS = ("cyan", "yellow", "green", "magenta", "blue", "bright_cyan", "bright_yellow")
SELF = "chorus"


@dataclass(slots=True)
class Console:
    """Lines of several speakers; `bare` leaves out the names: each is JSON already."""

    width: int = 8
    bare: bool = False
    _colours: dict[str, str] = field(default_factory=dict)

    def say(self, speaker: str, line: str) -> None:
        """One line of `speaker`'s."""
        if self.bare:
            click.echo(line if is_object(line) else as_object(speaker, line))
            return
        colour = self._colours.setdefault(speaker, COLOURS[len(self._colours) % len(COLOURS)])
        click.echo(click.style(f"{speaker:<{self.width}} | ", fg=colour) + line)

    def step(self, line: str) -> None:
        """One line of the supervisor's own."""
        self.say(SELF, line if self.bare else click.style(line, bold=True))


def is_object(line: str) -> bool:
    """Whether a line is a JSON object."""
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def as_object(speaker: str, line: str) -> str:
    """A line of a program that does not write JSON."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    return json.dumps({"time": now, "level": "INFO", "logger": speaker, "message": line})
