"""Progress bars on a terminal; nothing elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


def columns() -> tuple[Any, ...]:
    """What a bar shows."""
    return TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()


@contextmanager
def bar(name: str, total: int, notes: Console) -> Iterator[Callable[[int], None]]:
    """One bar, that is told how much more is done."""
    with Progress(*columns(), console=notes, transient=True, disable=not notes.is_terminal) as shown:
        task = shown.add_task(name, total=total)
        yield lambda more: shown.advance(task, more)


@contextmanager
def steps(notes: Console) -> Iterator[Callable[[str, int, int], None]]:
    """A bar for each step."""
    with Progress(*columns(), console=notes, transient=True, disable=not notes.is_terminal) as shown:
        tasks: dict[str, Any] = {}

        def tell(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = shown.add_task(name, total=total)
            shown.update(tasks[name], completed=done)

        yield tell
