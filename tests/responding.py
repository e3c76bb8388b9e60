"""Short ways to ask for responses through the official SDK, for tests."""

from typing import Any

from openai import OpenAI
from openai.types.responses import Response
from pydantic import BaseModel
from scripted_upstream import Reply, tool_calls

RUNNING = ("queued", "in_progress")
TOOL: dict[str, Any] = {
    "type": "function",
    "name": "weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    "strict": False,
}
PARIS, OSLO = '{"city": "Paris"}', '{"city": "Oslo"}'


class City(BaseModel):
    """A structured answer."""

    city: str


def called(*arguments: str) -> Reply:
    """A trace that asks for the weather; every call has the same id, as some servers have it."""
    function = ({"name": "weather", "arguments": spelling} for spelling in arguments)
    return tool_calls([{"id": "call_0", "type": "function", "function": found} for found in function])


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
