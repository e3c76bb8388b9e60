"""Which answers of one vote mean the same: the seam for symbolic equivalence."""

from collections.abc import Sequence

from tts_core.model import Answer


def classes(answers: Sequence[Answer | None]) -> list[int | None]:
    """The answer class of each answer of one vote, numbered from 0 as first seen; None has none.

    Equal keys are one class. All answers come at once, so that a finer equivalence may compare
    the few distinct keys of a vote with each other.
    """
    seen: dict[str, int] = {}
    return [None if a is None else seen.setdefault(a.key, len(seen)) for a in answers]
