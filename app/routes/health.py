"""GET /health (is the process alive) and GET /ready (can it serve)."""

from collections.abc import Callable
from functools import partial
from typing import Any

from flask import Blueprint, Response, current_app, jsonify

from tts_core.errors import ChorusError, Overloaded
from workers.client import Client
from workers.settings import Settings

blueprint = Blueprint("health", __name__)


@blueprint.get("/health")
def health() -> Response:
    """Liveness."""
    settings: Settings = current_app.config["SETTINGS"]
    return jsonify({"status": "healthy", "version": settings.api_version})


@blueprint.get("/ready")
def ready() -> tuple[Response, int]:
    """Readiness, part by part; 503 when one of them cannot serve."""
    client: Client = current_app.extensions["chorus"]
    parts = {
        "redis": checked(lambda: {"version": client.ping_store().get("redis_version")}),
        "workers": checked(lambda: workers_of(client)),
        "upstream": checked(lambda: upstream_of(client)),
    }
    serving = all(part["status"] == "ok" for part in parts.values())
    body = {"status": "ready" if serving else "not_ready", "parts": parts}
    return jsonify(body), 200 if serving else 503


def checked(check: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """A part's facts, or why it cannot serve."""
    try:
        return {"status": "ok", **check()}
    except ChorusError as error:
        return {"status": "failed", "message": error.message}


def workers_of(client: Client) -> dict[str, Any]:
    """The live workers by name: what they serve and how busy they are. Raises Overloaded when a queue
    that requests need has none."""
    alive = client.workers()
    queues = [facts["queue"] for facts in alive.values()]
    for queue in ("control", "sample"):
        if queue not in queues:
            raise Overloaded(f"No worker serves the queue {queue!r}.")
    note = {} if "batch" in queues else {"note": "No worker serves the queue 'batch': batches wait."}
    shown = {name: {k: facts[k] for k in ("queue", "slots", "traces")} for name, facts in alive.items()}
    return {
        "alive": dict(sorted(shown.items())),
        "slots": sum(f["slots"] for f in alive.values() if f["queue"] == "sample"),
        **note,
    }


def upstream_of(client: Client) -> dict[str, Any]:
    """Which upstream, and how many models it lists; where there are several, each. Raises UpstreamError
    when none of them lists anything."""
    upstreams = client.settings.upstreams
    told = {"name": upstreams.default.name, "models": len(client.listing.everything())}
    if not client.settings.upstreams_file:
        return told
    breakers = client.breakers()
    each = {name: checked(partial(models_of, client, name)) for name in upstreams.by_name}
    shown = {name: {**part, "breaker": breakers.get(name)} for name, part in each.items()}
    return {**told, "each": shown}


def models_of(client: Client, name: str) -> dict[str, Any]:
    """How many models an upstream lists. Raises UpstreamError."""
    return {"models": len(client.listing.of(client.settings.upstreams.by_name[name]))}
