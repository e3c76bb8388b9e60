"""Records as JSON in the fields of a Redis hash."""

from collections.abc import Mapping
from typing import TypeVar

import msgspec

T = TypeVar("T")
encode = msgspec.json.encode


def decode(raw: bytes, kind: type[T]) -> T:
    """A record from its JSON."""
    return msgspec.json.decode(raw, type=kind)


def by_number(fields: Mapping[str, bytes], name: str) -> dict[int, bytes]:
    """The fields name:N by N."""
    return {
        int(field.removeprefix(f"{name}:")): value
        for field, value in fields.items()
        if field.startswith(f"{name}:")
    }


def numbered(fields: Mapping[str, bytes], name: str, kind: type[T]) -> tuple[T, ...]:
    """The fields name:0, name:1, ... in order."""
    found: list[T] = []
    while raw := fields.get(f"{name}:{len(found)}"):
        found.append(decode(raw, kind))
    return tuple(found)
