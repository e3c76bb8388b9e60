"""GET /metrics: all numbers of the service, in Prometheus' text format."""

from hmac import compare_digest
from ipaddress import ip_address

from flask import Blueprint, Response, current_app, jsonify, request
from prometheus_client import CollectorRegistry, exposition

from app.errors import shape
from app.metrics import counted
from app.metrics_shared import Shared
from workers.client import Client
from workers.settings import Settings

blueprint = Blueprint("metrics", __name__)
PROXIED = ("Forwarded", "X-Forwarded-For", "X-Real-IP", "Via")
WRONG_TOKEN = "GET /metrics asks for the METRICS_TOKEN as a Bearer token."  # noqa: S105
NO_TOKEN = "GET /metrics answers this machine alone until METRICS_TOKEN is set."  # noqa: S105


@blueprint.get("/metrics")
def metrics() -> Response:
    """The numbers of all web processes and of all workers."""
    settings: Settings = current_app.config["SETTINGS"]
    if refusal := refused(settings):
        return refusal
    client: Client = current_app.extensions["chorus"]
    registry = CollectorRegistry(auto_describe=False)
    registry.register(counted())
    registry.register(Shared(client.store))
    encode, kind = exposition.choose_encoder(request.headers.get("Accept", ""))
    return Response(encode(registry), content_type=kind)


def refused(settings: Settings) -> Response | None:
    """Why the numbers are not told; None when they are. Clients' keys are good for nothing here.

    Without a token only who asks from this machine is answered, and not what a proxy here passes on.
    """
    if settings.metrics_token:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        is_right = compare_digest(token.encode(), settings.metrics_token.encode())
        return None if is_right and scheme.lower() == "bearer" else refusal_of(401, WRONG_TOKEN)
    is_proxied = any(name in request.headers for name in PROXIED)
    return refusal_of(403, NO_TOKEN) if is_proxied or not is_here(request.remote_addr) else None


def is_here(address: str | None) -> bool:
    """Whether an address is this machine's own."""
    try:
        return ip_address(address or "").is_loopback
    except ValueError:
        return False


def refusal_of(status: int, message: str) -> Response:
    """A refusal in OpenAI's shape."""
    response = jsonify(shape(message, "invalid_request_error", None, "metrics_refused"))
    response.status_code = status
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response
