"""The keys that the operator gives to clients, kept in Redis without their secrets.

A key is `sk-chorus-ID-SECRET`. The secret has 256 random bits, so that one SHA-256 of it tells nothing.
"""

import re
import time
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from hashlib import sha256
from hmac import compare_digest
from math import inf
from secrets import token_hex, token_urlsafe
from typing import Any, NamedTuple

from workers import keys
from workers.json_fields import decode, encode

FORM = re.compile(r"sk-chorus-([0-9a-f]{12})-([A-Za-z0-9_-]{43})")
ID = re.compile(r"[0-9a-f]{12}")
DAY = "%Y-%m-%d"


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What a key may do; None and () mean that nothing is held against it.

    `models` may have shell wildcards. Tokens are those of prompts and completions, days are those of UTC.
    """

    models: tuple[str, ...] = ()
    strategies: tuple[str, ...] = ()
    max_budget: int | None = None
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    daily_tokens: int | None = None
    daily_usd: float | None = None

    def has_model(self, name: str) -> bool:
        """Whether a model may be asked."""
        return not self.models or any(fnmatchcase(name, pattern) for pattern in self.models)

    def has_strategy(self, name: str) -> bool:
        """Whether a strategy may be used."""
        return not self.strategies or name in self.strategies


EVERYTHING = Allowance()


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessKey:
    """A key as it is kept. Times are seconds since the epoch; `digest` is the SHA-256 of its secret."""

    id: str
    name: str
    digest: str
    created_s: float
    allowance: Allowance = field(default=EVERYTHING)
    expires_s: float | None = None
    revoked_s: float | None = None

    def has_ended(self, now_s: float) -> bool:
        """Whether it was revoked or has expired."""
        return self.revoked_s is not None or (self.expires_s is not None and now_s >= self.expires_s)

    def opens(self, secret: str) -> bool:
        """Whether this is its secret; how long that takes tells nothing of it."""
        return compare_digest(self.digest, digest_of(secret))


NOBODY = AccessKey(id="", name="", digest=sha256(b"nobody").hexdigest(), created_s=0.0, revoked_s=0.0)


class Spent(NamedTuple):
    """What an owner has spent on a day; `usd` as far as prices were known."""

    tokens: int = 0
    usd: float = 0.0
    runs: int = 0


class AccessKeys:
    """All keys of clients. What is written here holds in every process from the next request on."""

    def __init__(self, store: Any) -> None:
        self.store = store

    def create(
        self, name: str, allowance: Allowance = EVERYTHING, expires_s: float | None = None
    ) -> tuple[AccessKey, str]:
        """A new key, and what its client sends: that is known here and now only."""
        secret = token_urlsafe(32)
        key = AccessKey(
            id=token_hex(6),
            name=name,
            digest=digest_of(secret),
            created_s=time.time(),
            allowance=allowance,
            expires_s=expires_s,
        )
        with self.store.pipeline(transaction=True) as pipe:
            pipe.set(keys.access_key(key.id), encode(key))
            pipe.zadd(keys.ACCESS_KEYS, {key.id: key.created_s})
            pipe.execute()
        return key, f"sk-chorus-{key.id}-{secret}"

    def holder(self, token: str) -> AccessKey | None:
        """The key that a client has sent, also one that has ended; None when there is none."""
        found = FORM.fullmatch(token)
        if found is None:
            return None
        key_id, secret = found.groups()
        key = self.find(key_id) or NOBODY
        if not key.opens(secret):
            return None
        self.store.hset(keys.ACCESS_KEYS_USED, key_id, round(time.time()))
        return key

    def find(self, key_id: str) -> AccessKey | None:
        """A key by its id."""
        raw = self.store.get(keys.access_key(key_id)) if ID.fullmatch(key_id) else None
        return decode(raw, AccessKey) if raw else None

    def are_there(self) -> bool:
        """Whether there is any key, be it revoked: then nobody may call without one."""
        return bool(self.store.exists(keys.ACCESS_KEYS))

    def listed(self) -> list[AccessKey]:
        """All keys, oldest first."""
        ids = [key_id.decode() for key_id in self.store.zrange(keys.ACCESS_KEYS, 0, -1)]
        return [key for key in map(self.find, ids) if key]

    def used_s(self) -> dict[str, float]:
        """When keys were sent last (epoch), by their ids."""
        found = self.store.hgetall(keys.ACCESS_KEYS_USED).items()
        return {key_id.decode(): float(at_s) for key_id, at_s in found}

    def spent(self, owner: str, now_s: float) -> Spent:
        """What an owner has spent today."""
        found = self.store.hgetall(keys.spent(owner, day_of(now_s)))
        tokens, usd, runs = (found.get(name, 0) for name in (b"tokens", b"usd", b"runs"))
        return Spent(int(tokens), float(usd), int(runs))

    def is_over(self, owner: str, now_s: float) -> bool:
        """Whether an owner is a key that opens nothing any more. Owners of other kinds are never over."""
        if not ID.fullmatch(owner):
            return False
        key = self.find(owner)
        return key is None or key.has_ended(now_s)

    def left_today(self, owner: str, now_s: float) -> float:
        """How many tokens an owner may still spend today: infinite without a limit, none when its money is
        spent."""
        key = self.find(owner)
        if key is None or (key.allowance.daily_tokens is None and key.allowance.daily_usd is None):
            return inf
        spent, allowed = self.spent(owner, now_s), key.allowance
        if allowed.daily_usd is not None and spent.usd >= allowed.daily_usd:
            return 0
        return inf if allowed.daily_tokens is None else max(0, allowed.daily_tokens - spent.tokens)

    def revoke(self, key: AccessKey) -> None:
        """Have a key refused from now on."""
        if key.revoked_s is None:
            gone = replace(key, revoked_s=time.time())
            self.store.set(keys.access_key(key.id), encode(gone), xx=True)

    def forget(self, key: AccessKey) -> None:
        """Remove a key's record: it is refused, and listed no more."""
        with self.store.pipeline(transaction=True) as pipe:
            pipe.delete(keys.access_key(key.id))
            pipe.zrem(keys.ACCESS_KEYS, key.id)
            pipe.hdel(keys.ACCESS_KEYS_USED, key.id)
            pipe.execute()


def digest_of(secret: str) -> str:
    """What is kept of a secret."""
    return sha256(secret.encode()).hexdigest()


def day_of(now_s: float) -> str:
    """The day (UTC) of a moment, e.g. 2026-01-31."""
    return time.strftime(DAY, time.gmtime(now_s))


def day_left_s(now_s: float) -> float:
    """How long a day (UTC) still lasts, in seconds."""
    return 86_400 - now_s % 86_400
