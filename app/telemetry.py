"""A span for every request, within the one that its client names by `traceparent`."""

from typing import Any

from flask import Flask, Response, g, request

from app.metrics import METHODS
from workers.telemetry import spans


def register(app: Flask) -> None:
    """Tell of every request, if anybody wants to know."""
    if spans():
        app.before_request(begin)
        app.after_request(follow)


def begin() -> None:
    """A request has come."""
    told = spans()
    assert told  # noqa: S101 - says so to the type checker
    route = request.url_rule.rule if request.url_rule else ""
    method = request.method if request.method in METHODS else "_OTHER"
    facts: dict[str, Any] = {"http.request.method": method, "url.scheme": request.scheme}
    if route:
        facts["http.route"] = route
    g.span = told.asked(dict(request.headers), f"{method} {route}".strip(), facts)


def follow(response: Response) -> Response:
    """It is answered, now or when its stream has ended."""
    span = g.span
    span.set_attribute("http.response.status_code", response.status_code)
    if response.status_code >= 500:
        span.set_attribute("error.type", str(response.status_code))
    if response.is_streamed:
        response.call_on_close(span.end)
    else:
        span.end()
    return response
