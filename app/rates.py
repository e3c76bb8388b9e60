"""The x-ratelimit-* headers: how far the limits of the caller's key are used up, as OpenAI says it."""

from math import ceil

from flask import Flask, Response, current_app, g

from app.asking import allowance
from tts_core.errors import Overloaded
from workers.answering import answering
from workers.client import Client

FACTS = ("limit", "remaining", "reset")
HEADERS = tuple(f"x-ratelimit-{fact}-{what}" for what in ("requests", "tokens") for fact in FACTS)


def tell_rates(response: Response) -> Response:
    """Put them on the answer; a store that is away leaves them out."""
    client: Client = current_app.extensions["chorus"]
    try:
        with answering():
            found = client.admission.standing(g.get("owner", ""), allowance())
    except Overloaded:
        return response
    for what, level in found.items():
        response.headers[f"x-ratelimit-limit-{what}"] = str(level.limit)
        response.headers[f"x-ratelimit-remaining-{what}"] = str(level.left)
        response.headers[f"x-ratelimit-reset-{what}"] = duration(level.reset_s if level.used else 0.0)
    return response


def duration(seconds: float) -> str:
    """A time as OpenAI writes it: 6m0s, 1s, 120ms."""
    if 0 < seconds < 1:
        return f"{ceil(seconds * 1000)}ms"
    minutes, rest = divmod(ceil(seconds), 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"


def register(app: Flask) -> None:
    """Have every answer to a limited key say how its limits stand."""
    app.after_request(tell_rates)
