"""Who may call: the operator's keys, or anybody when there are none."""

from hmac import compare_digest

from flask import Flask, Response, current_app, g, jsonify, request

from app.asking import digest
from app.errors import shape

OPEN = frozenset(
    {"health.health", "health.ready", "metrics.metrics", "swagger_ui.show", "docs.openapi", "static"}
)


def check_key() -> Response | None:
    """Refuse a request whose bearer token is none of the keys; note whose it is."""
    keys: tuple[str, ...] = current_app.config["SETTINGS"].client_keys
    g.owner = ""
    if not keys or request.endpoint in OPEN or request.method == "OPTIONS":
        return None
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    matches = [compare_digest(token.encode(), key.encode()) for key in keys]
    if scheme.lower() == "bearer" and any(matches):
        g.owner = digest(token.encode())
        return None
    message = "Incorrect API key provided." if token else "You didn't provide an API key."
    response = jsonify(shape(message, "invalid_request_error", None, "invalid_api_key"))
    response.status_code = 401
    response.headers["WWW-Authenticate"] = "Bearer"
    return response


def register(app: Flask) -> None:
    """Check every request."""
    app.before_request(check_key)
