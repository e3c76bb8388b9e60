"""The endpoints of responses, as /openapi.json tells of them."""

from typing import Any

from app.schemas.responses import InputPageSchema, RetrieveSchema, response_schema

JSON = "application/json"
RESPONSE = "A response, or its events as server-sent events with stream."
ID = "/v1/responses/{id}"

Operations = dict[str, tuple[str, str, dict[str, Any]]]


def operations() -> dict[str, Operations]:
    """By path and method: the summary, what comes back, what more is said of the operation."""
    body = {"requestBody": {"required": True, "content": {JSON: {"schema": response_schema()}}}}
    shown = {"parameters": [{"in": "query", "schema": RetrieveSchema}]}
    page = {"parameters": [{"in": "query", "schema": InputPageSchema}]}
    create: Operations = {"post": ("Create a response from many traces.", RESPONSE, body)}
    return {
        "/v1/responses": create,
        "/v1/{strategy}/responses": create,
        ID: {
            "get": ("Show a response, or stream its events behind starting_after.", RESPONSE, shown),
            "delete": ("Forget a response that has ended.", "What was deleted.", {}),
        },
        f"{ID}/cancel": {"post": ("Stop a background response.", "The response.", {})},
        f"{ID}/input_items": {"get": ("List what a response was asked.", "A list of items.", page)},
    }
