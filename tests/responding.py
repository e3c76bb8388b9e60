"""Short ways to ask for responses through the official SDK, for tests."""

from typing import Any

from openai import OpenAI
from openai.types.responses import Response

RUNNING = ("queued", "in_progress")


def respond(client: OpenAI, **changes: Any) -> Any:
    """One plain question; `tts` are fields of our own, without their prefix."""
    ours = {f"tts_{name}": value for name, value in changes.pop("tts", {}).items()}
    asked = {"model": "m", "input": "What is 6*7?", "extra_body": {"tts_budget": 3, **ours}}
    return client.responses.create(**(asked | changes))


def polled(client: OpenAI, response: Response) -> Response:
    """A background response once it has ended, as OpenAI's guide polls for it."""
    while response.status in RUNNING:
        response = client.responses.retrieve(response.id)
    return response
