"""`chorus keys`: make, list and revoke the keys of clients."""

import json
import time
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import click

from app.keyring import keyring
from workers.access import AccessKey, AccessKeys, Allowance
from workers.settings import Settings


def create(settings: Settings, name: str, expires_s: float | None, limits: Mapping[str, Any]) -> str:
    """Make a key; what is said of it, the key itself included."""
    as_json = limits["as_json"]
    named = {what: value for what, value in limits.items() if value is not None and what != "as_json"}
    allowance = Allowance(**named)
    with keyring(settings) as found:
        key, token = found.create(name, allowance, expires_s)
        facts = facts_of(found, key, {})
    if as_json:
        return json.dumps({**facts, "key": token})
    return "\n".join(
        [
            f"Key {key.id} for {name}: {limits_of(key) or 'no limits'}.",
            "It is shown this once and kept nowhere:",
            token,
        ]
    )


def listing(settings: Settings, *, as_json: bool) -> str:
    """All keys with what they may do and what they have spent today; never their secrets."""
    with keyring(settings) as found:
        used_s = found.used_s()
        rows = [(key, facts_of(found, key, used_s)) for key in found.listed()]
    if as_json:
        return json.dumps([facts for _, facts in rows])
    if not rows:
        return "There are no keys. `chorus keys create --name NAME` makes one."
    return "\n".join(lines_of(key, facts) for key, facts in rows)


def revoke(settings: Settings, key_id: str, *, forget: bool) -> str:
    """Have a key refused from now on. Raises ClickException when there is none of this id."""
    with keyring(settings) as found:
        key = found.find(key_id.removeprefix("sk-chorus-").partition("-")[0])
        if key is None:
            known = ", ".join(f"{key.id} ({key.name})" for key in found.listed()) or "none"
            raise click.ClickException(f"there is no key {key_id[:12]!r}; there are: {known}")
        (found.forget if forget else found.revoke)(key)
    return f"Key {key.id} of {key.name} is {'forgotten' if forget else 'revoked'}."


def facts_of(found: AccessKeys, key: AccessKey, used_s: Mapping[str, float]) -> dict[str, Any]:
    """A key as programs read it."""
    spent = found.spent(key.id, time.time())
    return {
        "id": key.id,
        "name": key.name,
        "state": state_of(key),
        **asdict(key.allowance),
        "created_at": moment(key.created_s),
        "expires_at": moment(key.expires_s),
        "last_used_at": moment(used_s.get(key.id)),
        "spent_today": spent._asdict(),
    }


def lines_of(key: AccessKey, facts: Mapping[str, Any]) -> str:
    """A key as people read it."""
    spent = facts["spent_today"]
    used = f"last used {facts['last_used_at'] or 'never'}"
    until = f", expires {facts['expires_at']}" if key.expires_s else ""
    return "\n".join(
        [
            f"{key.id}  {key.name}  [{facts['state']}]",
            f"  created {facts['created_at']}{until}, {used}",
            f"  {limits_of(key) or 'no limits'}",
            f"  today: {spent['runs']} runs, {spent['tokens']} tokens, ${spent['usd']:.4f}",
        ]
    )


def limits_of(key: AccessKey) -> str:
    """What a key may do, in words."""
    found = {name: value for name, value in asdict(key.allowance).items() if value not in (None, ())}
    return "; ".join(
        f"{name.replace('_', ' ')} {', '.join(value) if isinstance(value, tuple) else value}"
        for name, value in found.items()
    )


def state_of(key: AccessKey) -> str:
    """Whether a key opens anything now."""
    if key.revoked_s is not None:
        return "revoked"
    return "expired" if key.has_ended(time.time()) else "active"


def moment(at_s: float | None) -> str | None:
    """A time as ISO 8601 in UTC."""
    return None if at_s is None else datetime.fromtimestamp(at_s, UTC).isoformat(timespec="seconds")
