"""Who is let in: what a key may still ask for, and what the waiting line has room for.

The line's rule: a request is taken when its key then holds no more than is left free. So a key that asks
for little is let in while others ask for much, those that ask for much come to hold equal shares, and one
such share stays free for who comes next (Choudhury and Hahne 1998, dynamic thresholds with alpha = 1).
Clients without a key are not told apart; they may fill the line.
"""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

from tts_core.errors import ChorusError, QueueFull, QuotaExceeded, RateLimited, ShareTaken, TokensLimited
from workers import keys
from workers.access import EVERYTHING, Allowance, day_left_s, day_of
from workers.admission_scripts import ADMIT, RELEASE, STANDING

LONGEST_WAIT_S = 60.0
UNKNOWN_WAIT_S = 5.0
SHORTEST_WAIT_S = 1.0
WINDOW_S = 60


class Claim(NamedTuple):
    """What wants to be let in: so many `places` for an owner, given up at `until_s` (epoch) if it is never
    said to be through."""

    run_id: str
    owner: str
    places: int
    until_s: float
    allowance: Allowance = EVERYTHING


class Level(NamedTuple):
    """How far a limit of so many a minute is used up, and when it is whole again."""

    limit: int
    used: int
    reset_s: float

    @property
    def left(self) -> int:
        """How many are left."""
        return max(0, self.limit - self.used)


class Admission:
    """One waiting line, for all web processes. `capacity` is how many places it has."""

    def __init__(self, store: Any, line: str, capacity: Callable[[], int]) -> None:
        self.store = store
        self.capacity = capacity
        self.names = [keys.admitted(line, part) for part in keys.ADMITTED]
        self._admit = store.register_script(ADMIT)
        self._release = store.register_script(RELEASE)
        self._standing = store.register_script(STANDING)

    def admit(self, claim: Claim, now_s: float | None = None) -> int | None:
        """Let a claim in, once; the tokens that its key may still spend today (None: no limit).

        Raises RateLimited, TokensLimited, QuotaExceeded for what its key has used up; QueueFull and
        ShareTaken for want of room. Who is refused has used nothing up.
        """
        now_s = time.time() if now_s is None else now_s
        allowed, owner = claim.allowance, claim.owner
        paces = [keys.pace(owner, "requests"), keys.pace(owner, "tokens")]
        limits = (
            allowed.requests_per_minute,
            allowed.tokens_per_minute,
            allowed.daily_tokens,
            allowed.daily_usd,
        )
        said = self._admit(
            [*self.names, *paces, keys.spent(owner, day_of(now_s))],
            (
                *(claim.run_id, owner, claim.places, now_s, claim.until_s),
                *(self.capacity(), int(bool(owner))),
                *("" if limit is None else limit for limit in limits),
            ),
        )
        verdict, first, excess, rate = (part.decode() for part in said)
        if verdict != "admitted":
            raise refusal(verdict, allowed, now_s, wait_of(first, excess, rate))
        return int(first) if first else None

    def release(self, run_id: str) -> None:
        """What was let in is through, or was never begun."""
        self._release(self.names[:3], (run_id,))

    def standing(self, owner: str, allowed: Allowance) -> dict[str, Level]:
        """How far a key's limits of "requests" and "tokens" are used up, those that it has."""
        limits = {"requests": allowed.requests_per_minute, "tokens": allowed.tokens_per_minute}
        held = {what: limit for what, limit in limits.items() if limit is not None}
        if not held:
            return {}
        now_s = time.time()
        found = self._standing([keys.pace(owner, what) for what in held], (now_s,))
        return {
            what: Level(held[what], used, max(0.0, last_s + WINDOW_S - now_s))
            for what, (used, last_s) in zip(held, found, strict=True)
        }


def wait_of(first: str, excess: str, rate: str) -> float:
    """How long to wait, in seconds: until a limit has room again, or the line at its present pace."""
    if first:
        return max(SHORTEST_WAIT_S, float(first))
    places_s = float(rate or 0)
    wait_s = float(excess) / places_s if excess and places_s else UNKNOWN_WAIT_S
    return min(LONGEST_WAIT_S, max(SHORTEST_WAIT_S, wait_s))


def refusal(verdict: str, allowed: Allowance, now_s: float, wait_s: float) -> ChorusError:
    """Why a claim is not let in."""
    hint = f"Please try again in {wait_s:.0f}s."
    match verdict:
        case "requests":
            limit = f"Limit {allowed.requests_per_minute} requests per minute"
            return RateLimited(f"Rate limit reached for this key: {limit}. {hint}", retry_after_s=wait_s)
        case "tokens":
            limit = f"Limit {allowed.tokens_per_minute} tokens per minute"
            return TokensLimited(f"Rate limit reached for this key: {limit}. {hint}", retry_after_s=wait_s)
        case "daily_tokens" | "daily_usd":
            limit = (
                f"{allowed.daily_tokens} tokens" if verdict == "daily_tokens" else f"${allowed.daily_usd}"
            )
            return QuotaExceeded(
                f"You exceeded your current quota: this key may spend {limit} a day (UTC).",
                retry_after_s=day_left_s(now_s),
            )
        case "share":
            return ShareTaken(
                f"The service is busy, and this key holds its share of it. {hint}", retry_after_s=wait_s
            )
    return QueueFull(f"The service is busy: too much waits already. {hint}", retry_after_s=wait_s)
