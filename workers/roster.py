"""The worker processes that are alive, and the upstream's models: what all processes share besides runs."""

from collections.abc import Mapping
from typing import Any

import msgspec

from workers import keys
from workers.json_fields import encode


class Roster:
    """Signs of life of worker processes, by their names."""

    def __init__(self, store: Any) -> None:
        self.store = store

    def beat(self, worker: str, facts: Mapping[str, Any], now_s: float) -> None:
        """Sign of life of a worker process."""
        self.store.hset(keys.WORKERS, worker, encode({**facts, "beat_s": now_s}))

    def leave(self, worker: str) -> None:
        """A worker process ends."""
        self.store.hdel(keys.WORKERS, worker)

    def alive(self, since_s: float) -> dict[str, Any]:
        """The worker processes that gave a sign of life after `since_s`; the others are forgotten."""
        found = {
            name.decode(): msgspec.json.decode(raw)
            for name, raw in self.store.hgetall(keys.WORKERS).items()
        }
        if silent := [name for name, facts in found.items() if facts["beat_s"] < since_s]:
            self.store.hdel(keys.WORKERS, *silent)
        return {name: facts for name, facts in found.items() if facts["beat_s"] >= since_s}


class ModelList:
    """The upstream's models as kept for all web processes."""

    def __init__(self, store: Any) -> None:
        self.store = store

    def kept(self) -> list[dict[str, Any]] | None:
        """The list; None when it is too old."""
        raw = self.store.get(keys.MODELS)
        return msgspec.json.decode(raw) if raw else None

    def keep(self, models: list[dict[str, Any]], ttl_s: int) -> None:
        """Keep it for `ttl_s`."""
        self.store.set(keys.MODELS, encode(models), ex=ttl_s)
