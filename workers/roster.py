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
    """The upstreams' models as kept for all web processes."""

    def __init__(self, store: Any) -> None:
        self.store = store

    def kept(self, upstream: str) -> list[Any] | str | None:
        """An upstream's list, or why there is none; None when it is too old."""
        raw = self.store.get(keys.models(upstream))
        return msgspec.json.decode(raw) if raw else None

    def keep(self, upstream: str, models: list[Any] | str, ttl_s: int) -> None:
        """Keep it for `ttl_s`."""
        self.store.set(keys.models(upstream), encode(models), ex=ttl_s)
