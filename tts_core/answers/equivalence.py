"""Which answers of one vote mean the same: by key, and by what the shell has found out of keys."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from tts_core.answers.shapes import comparable, may_be_same
from tts_core.model import Answer

MOST_LEADERS = 20


@dataclass(frozen=True, slots=True)
class Clustering:
    """`leaders` has the leader of every key that is not its own; `skipped` counts the keys that were not
    compared with all leaders because there were too many of those."""

    leaders: Mapping[str, str]
    skipped: int = 0


def classes(answers: Sequence[Answer | None]) -> list[int | None]:
    """The answer class of each answer of one vote, numbered from 0 as first seen; None has none.

    Equal keys are one class: which keys mean the same was decided when their round was closed.
    """
    seen: dict[str, int] = {}
    return [None if a is None else seen.setdefault(a.key, len(seen)) for a in answers]


def cluster(
    keys: Iterable[str],
    same: Callable[[str, str], bool],
    earlier: Iterable[str] = (),
    most: int = MOST_LEADERS,
) -> Clustering:
    """Greedy leader clustering of distinct keys: each joins the first leader that is the `same` either way
    round, or leads itself. `keys` come once per trace; `earlier` are leaders that stay leaders.

    The most frequent key leads, of equals the first by its spelling, so that the order of traces never
    counts. Since keys are compared with leaders only, `same` need be neither symmetric nor transitive
    for the classes to be a partition. No more than `most` leaders are compared with.
    """
    counts = Counter(filter(comparable, keys))
    leaders = sorted(set(filter(comparable, earlier)))
    found: dict[str, str] = {}
    skipped = 0
    for key in sorted(counts.keys() - set(leaders), key=lambda key: (-counts[key], key)):
        leader = next((one for one in leaders[:most] if same(one, key) or same(key, one)), None)
        if leader is not None:
            found[key] = leader
            continue
        skipped += any(may_be_same(key, one) for one in leaders[most:])
        leaders.append(key)
    return Clustering(found, skipped)
