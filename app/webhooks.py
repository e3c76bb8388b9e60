"""The field `webhook` of a request, and what a job shows of it."""

from typing import Any

from flask import current_app

from tts_core.errors import InvalidRequest
from workers.deliveries import PENDING, Delivery
from workers.endpoints import UnknownEndpoint, read_endpoints

FIELD = "webhook"


def taken_out(body: Any) -> tuple[Any, str]:
    """A body without the field, which is nothing for an upstream, and the endpoint that it names.

    Raises InvalidRequest.
    """
    if not isinstance(body, dict):
        return body, ""
    return {name: value for name, value in body.items() if name != FIELD}, chosen(body.get(FIELD))


def chosen(word: Any) -> str:
    """The endpoint that is to be told: one that may be, or the operator's default when none is named.

    Raises InvalidRequest.
    """
    known = read_endpoints(current_app.config["SETTINGS"])
    if word is None:
        return known.default
    if not isinstance(word, str):
        raise InvalidRequest(f"Invalid value for '{FIELD}': Must be a string.", param=FIELD)
    try:
        known.find(word)
    except UnknownEndpoint as error:
        raise InvalidRequest(
            f"Invalid value for '{FIELD}': The operator of this service lists no endpoint {word[:80]!r}.",
            param=FIELD,
            code="webhook_not_allowed",
        ) from error
    return word


def webhook_of(word: str, delivery: Delivery | None) -> dict[str, Any] | None:
    """What became of telling an endpoint of an end; None when nobody is to be told."""
    return {**named(word), **state(delivery)} if delivery else None


def named(word: str) -> dict[str, str]:
    """An endpoint as the client has named it."""
    return {"url": word} if "://" in word else {"name": word}


def state(delivery: Delivery) -> dict[str, Any]:
    """How far the event is."""
    waits = delivery.status == PENDING and delivery.next_s is not None
    return {
        "status": delivery.status,
        "attempts": delivery.attempts,
        "last_status": delivery.last_status,
        "last_error": delivery.last_error,
        "next_attempt_at": int(delivery.next_s or 0) if waits else None,
    }
