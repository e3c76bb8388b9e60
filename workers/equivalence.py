"""Mathematics compared in processes of their own, each under a watchdog that kills and starts anew.

What clients make models say may keep an algebra system busy for ever, or take all memory: here it costs
a child its life and the answer its equals, and nobody else anything.
"""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import combinations
from queue import Empty, LifoQueue
from typing import TypeVar

from tts_core.answers.equivalence import Clustering, cluster
from tts_core.answers.shapes import may_be_same, same_meaning
from workers.comparing_child import WATCHDOG_S, Child, NotReady, Unanswered

CHILDREN = 2
CLOSING_S = 2.0
LEAST_S = 0.5
START_S = 10.0
REMEMBERED = 10_000
Key = TypeVar("Key")
Value = TypeVar("Value")
UNCOMPARED = (
    "Some answers could not be compared as mathematics in the time for it, or were too many: they count as "
    "different unless they were spelt alike."
)

NOT_INSTALLED = (
    "Math-Verify is not installed: mathematical answers count as different unless they were spelt alike."
)


@dataclass(slots=True)
class Allowance:
    """The time that a closing has for comparisons: `end_s` is monotonic; `exceeded` tells that something
    was left uncompared."""

    end_s: float
    exceeded: bool = False

    @property
    def left_s(self) -> float:
        """Seconds that are left."""
        return max(0.0, self.end_s - time.monotonic())


class Equivalence:
    """Compares answers for all closings of a process. Without Math-Verify all different keys differ."""

    def __init__(
        self, children: int = CHILDREN, closing_s: float = CLOSING_S, watchdog_s: float = WATCHDOG_S
    ) -> None:
        self.closing_s = closing_s
        self.installed = find_spec("math_verify") is not None
        self.verdicts: dict[tuple[str, str], bool | None] = {}
        self.quarantined: dict[str, None] = {}
        self.children = [Child(watchdog_s) for _ in range(children)]
        self.idle: LifoQueue[Child] = LifoQueue()
        for child in reversed(self.children):
            self.idle.put(child)

    def cluster(
        self, keys: Iterable[str], earlier: Iterable[str] = (), within_s: float = CLOSING_S
    ) -> tuple[Clustering, tuple[str, ...]]:
        """The classes of a round's keys, given the leaders of earlier rounds, and a word on what was
        left uncompared. Ends within `within_s`, or a little later."""
        if not self.installed:
            return Clustering({}), (NOT_INSTALLED,) if any_may_be_same({*keys, *earlier}) else ()
        allowance = Allowance(time.monotonic() + max(LEAST_S, min(self.closing_s, within_s)))

        def plain(one: str, other: str) -> bool:
            return self.compare(one, other, allowance)

        def same(one: str, other: str) -> bool:
            return same_meaning(one, other, plain)

        found = cluster(keys, same, earlier)
        return found, (UNCOMPARED,) if allowance.exceeded or found.skipped else ()

    def compare(self, one: str, other: str, allowance: Allowance) -> bool:
        """Whether two expressions in LaTeX are equal; False when that takes too long."""
        pair = (min(one, other), max(one, other))
        if pair in self.verdicts:
            verdict = self.verdicts[pair]
        elif one in self.quarantined or other in self.quarantined:
            verdict = None
        else:
            verdict = self.ask(pair, allowance)
        allowance.exceeded = allowance.exceeded or verdict is None
        return bool(verdict)

    def ask(self, pair: tuple[str, str], allowance: Allowance) -> bool | None:
        """A child's verdict; None without one. Whichever expression is to blame is not tried again."""
        try:
            with self.child(allowance) as child:
                verdict = child.ask(pair)
        except NotReady:
            return None
        except Unanswered:
            verdict = None
        remember(self.verdicts, pair, verdict)
        if verdict is None:
            self.blame(pair, allowance)
        return verdict

    def blame(self, pair: tuple[str, str], allowance: Allowance) -> None:
        """Quarantine what a child cannot even evaluate."""
        for expression in pair:
            try:
                with self.child(allowance) as child:
                    if child.ask((expression,)) is not None:
                        continue
            except NotReady:
                return
            except Unanswered:
                pass
            remember(self.quarantined, expression, None)

    @contextmanager
    def child(self, allowance: Allowance) -> Iterator[Child]:
        """A child that is ready, for one question. Its very first start does not count.

        Raises NotReady when none is in time.
        """
        try:
            child = self.idle.get(timeout=allowance.left_s) if allowance.left_s else None
        except Empty:
            child = None
        if child is None:
            raise NotReady
        try:
            if child.is_new:
                began_s = time.monotonic()
                child.prepare(START_S)
                allowance.end_s += time.monotonic() - began_s
            child.prepare(allowance.left_s)
            yield child
        finally:
            self.idle.put(child)

    def close(self) -> None:
        """End all children."""
        for child in self.children:
            child.stop()


def remember(known: dict[Key, Value], key: Key, value: Value) -> None:
    """Keep a verdict, and forget the oldest one when there are too many."""
    known[key] = value
    if len(known) > REMEMBERED:
        del known[next(iter(known))]


def any_may_be_same(keys: Iterable[str]) -> bool:
    """Whether a comparison could have told anything of these different keys."""
    return any(may_be_same(one, other) for one, other in combinations(keys, 2))
