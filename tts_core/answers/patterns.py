"""An answer format of the client's own: a regular expression in linear time."""

from functools import lru_cache
from typing import Any

import re2

_WINDOW = 256


@lru_cache(maxsize=128)
def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern, options)


def fault(pattern: str) -> str | None:
    """Why a pattern cannot be used, or None when it can."""
    if not pattern:
        return "the pattern is empty"
    try:
        _compiled(pattern)
        _compiled(_latest(pattern))
    except re2.error as error:
        reason = error.args[0] if error.args else "malformed"
        return reason.decode() if isinstance(reason, bytes) else str(reason)
    return None


def last_match(pattern: str, text: str) -> str | None:
    """The last non-empty match of a valid pattern: its first group if it has one, else the whole.

    Trying every match in turn is quadratic even for RE2, so one pass first finds where the last
    one starts; matches are then told apart in the 256 characters before it.
    """
    latest = _compiled(_latest(pattern)).match(text)
    if latest is None:
        return None
    last, bound = None, latest.start(1)
    expression = _compiled(pattern)
    for match in expression.finditer(text, max(0, bound - _WINDOW)):
        if match.start() > bound:
            break
        last = match.group(1 if expression.groups else 0) or last
    return last.strip() or None if last else None


def _latest(pattern: str) -> str:
    return f"(?s:.*)({pattern})"
