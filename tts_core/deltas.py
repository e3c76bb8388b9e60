"""Pieces of a message's rarer fields, put together as OpenAI's stream means them."""

from collections.abc import Mapping
from typing import Any

GROWING = frozenset({"arguments", "input", "transcript", "data", "text"})


def merge(whole: dict[str, Any], delta: Mapping[str, Any]) -> None:
    """Add a delta: objects merge, arrays are appended, GROWING strings grow, the rest is set."""
    for name, piece in delta.items():
        known = whole.get(name)
        if isinstance(piece, Mapping):
            whole[name] = known if isinstance(known, dict) else {}
            merge(whole[name], piece)
        elif isinstance(piece, list):
            whole[name] = [*(known if isinstance(known, list) else ()), *piece]
        elif name in GROWING and isinstance(piece, str):
            whole[name] = (known if isinstance(known, str) else "") + piece
        elif piece is not None and (piece != "" or known is None):
            whole[name] = piece


class ToolCalls:
    """Tool calls as their deltas come, in the order of their indexes."""

    def __init__(self) -> None:
        self.by_index: dict[int, dict[str, Any]] = {}

    def add(self, delta: Mapping[str, Any]) -> None:
        """Take the next delta."""
        call = self.by_index.setdefault(self.place_of(delta), {})
        merge(call, {name: value for name, value in delta.items() if name != "index"})

    def place_of(self, delta: Mapping[str, Any]) -> int:
        """Where a delta belongs; without an index, a new id begins the next call."""
        index, last = delta.get("index"), max(self.by_index, default=0)
        if isinstance(index, int):
            return index
        begun = self.by_index.get(last, {}).get("id")
        return last + 1 if begun and delta.get("id") not in (None, "", begun) else last

    def whole(self) -> list[dict[str, Any]]:
        """The calls so far."""
        return [{"type": "function", **call} for _, call in sorted(self.by_index.items())]
