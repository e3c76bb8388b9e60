"""Who may call: the operator's keys, those made by `chorus keys`, or anybody when there are none."""

import time
from hmac import compare_digest

from flask import Flask, Response, current_app, g, jsonify, request

from app.asking import digest
from app.errors import shape
from app.up.commands import is_loopback
from tts_core.errors import Overloaded
from workers.access import EVERYTHING
from workers.answering import answering
from workers.client import Client
from workers.settings import Settings

OPEN = frozenset(
    {
        *("health.health", "health.ready", "metrics.metrics", "static"),
        *("swagger_ui.show", "docs.openapi", "ui.page"),
    }
)
STATELESS = frozenset({"strategies.index", "estimate.create"})
MISSING = "You didn't provide an API key. Send it in the header 'Authorization: Bearer YOUR_KEY'."
INCORRECT = "Incorrect API key provided."
REVOKED = "Incorrect API key provided: it has been revoked."
EXPIRED = "Incorrect API key provided: it has expired."


def check_key() -> Response | None:
    """Note whose the request is and what its key may do; refuse one without a key that is good now."""
    g.owner, g.allowance = "", EVERYTHING
    if request.endpoint in OPEN or request.method == "OPTIONS":
        return None
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    known = scheme.lower() == "bearer" and is_configured(token)
    if known:
        g.owner = digest(token.encode())
        return None
    try:
        with answering():
            refusal = check_managed(token if scheme.lower() == "bearer" else "")
    except Overloaded:
        if request.endpoint in STATELESS and is_open_by_settings():
            return None
        raise
    return refused(refusal) if refusal else None


def is_configured(token: str) -> bool:
    """Whether it is one of CHORUS_API_KEYS; how long that takes does not tell which, or how much of it."""
    matches = [compare_digest(token.encode(), key.encode()) for key in settings().client_keys]
    return any(matches)


def check_managed(token: str) -> str:
    """Why a token opens nothing; empty when it does, or when none is needed."""
    client: Client = current_app.extensions["chorus"]
    key = client.access.holder(token)
    if key is None:
        is_open = is_open_by_settings() and not client.access.are_there()
        return "" if is_open else (INCORRECT if request.headers.get("Authorization") else MISSING)
    if key.has_ended(time.time()):
        return REVOKED if key.revoked_s is not None else EXPIRED
    g.owner, g.allowance = key.id, key.allowance
    return ""


def is_open_by_settings() -> bool:
    """Whether anybody may call as long as there is no key at all."""
    found = settings()
    return not found.client_keys and (is_loopback(found.host) or found.allow_anonymous)


def settings() -> Settings:
    """The settings of the service."""
    found: Settings = current_app.config["SETTINGS"]
    return found


def refused(message: str) -> Response:
    """OpenAI's 401."""
    response = jsonify(shape(message, "invalid_request_error", None, "invalid_api_key"))
    response.status_code = 401
    response.headers["WWW-Authenticate"] = "Bearer"
    return response


def register(app: Flask) -> None:
    """Check every request."""
    app.before_request(check_key)
