"""Who asks, and how the same request is known when it comes again."""

from dataclasses import replace
from hashlib import sha256

from flask import g, has_app_context, request

from tts_core.errors import InvalidRequest
from workers.access import EVERYTHING, Allowance
from workers.asking import Asker
from workers.settings import Settings

RETRIES = "x-stainless-retry-count"
ONCE = "idempotency-key"
LONGEST_KEY = 255


def digest(*parts: bytes) -> str:
    """A short fingerprint."""
    found = sha256()
    for part in parts:
        found.update(len(part).to_bytes(8, "big") + part)
    return found.hexdigest()[:32]


def asker() -> Asker:
    """Who sent the current request. Raises InvalidRequest for an Idempotency-Key that cannot be one."""
    key = request.headers.get(ONCE, "")
    if len(key) > LONGEST_KEY:
        raise InvalidRequest(f"An Idempotency-Key has at most {LONGEST_KEY} characters.", param=ONCE)
    return Asker(
        owner=g.owner,
        body=digest(request.path.encode(), request.get_data()),
        key=digest(key.encode()) if key else "",
        again=request.headers.get(RETRIES, "0") not in ("", "0"),
        request_id=g.request_id,
        allowance=allowance(),
    )


def allowance() -> Allowance:
    """What the caller's key may do; everything where nobody calls."""
    found: Allowance = g.get("allowance", EVERYTHING) if has_app_context() else EVERYTHING
    return found


def within_allowance(settings: Settings) -> Settings:
    """The settings with defaults that the caller's key allows."""
    allowed = allowance()
    budget, strategy = settings.deepconf_budget, settings.default_strategy
    return replace(
        settings,
        deepconf_budget=min(budget, allowed.max_budget or budget),
        default_strategy=strategy if allowed.has_strategy(strategy) else allowed.strategies[0],
    )
