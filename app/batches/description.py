"""The endpoints of files and batches, as /openapi.json tells of them."""

from typing import Any

from app.schemas.batches import BatchSchema, FilePageSchema
from app.schemas.jobs import PageSchema

JSON = "application/json"
FORM = {
    "multipart/form-data": {
        "schema": {
            "type": "object",
            "required": ["file", "purpose"],
            "properties": {
                "file": {"type": "string", "format": "binary"},
                "purpose": {"type": "string", "enum": ["batch"]},
                "expires_after[anchor]": {"type": "string", "enum": ["created_at"]},
                "expires_after[seconds]": {"type": "integer", "minimum": 3600, "maximum": 2_592_000},
            },
        }
    }
}
ONCE = {
    "in": "header",
    "name": "Idempotency-Key",
    "description": "The same key and body are the same batch.",
    "schema": {"type": "string", "maxLength": 255},
}
FILE = "The file object."
BATCH = "The batch."

Operations = dict[str, tuple[str, str, dict[str, Any]]]


def operations() -> dict[str, Operations]:
    """By path and method: the summary, what comes back, what more is said of the operation."""
    return {
        "/v1/files": {
            "post": ("Upload a file of requests.", FILE, {"requestBody": {"content": FORM}}),
            "get": ("List your files.", "A list of file objects.", query(FilePageSchema)),
        },
        "/v1/files/{id}": {
            "get": ("Show a file.", FILE, {}),
            "delete": ("Delete a file.", "What was deleted.", {}),
        },
        "/v1/files/{id}/content": {"get": ("Read a file.", "What is in it.", {})},
        "/v1/batches": {
            "post": (
                "Have a file of requests answered.",
                BATCH,
                {
                    "parameters": [ONCE],
                    "requestBody": {"required": True, "content": {JSON: {"schema": BatchSchema()}}},
                },
            ),
            "get": ("List your batches, newest first.", "A list of batches.", query(PageSchema)),
        },
        "/v1/batches/{id}": {"get": ("Show a batch.", BATCH, {})},
        "/v1/batches/{id}/cancel": {"post": ("Stop a batch and keep what is finished.", BATCH, {})},
    }


def query(schema: Any) -> dict[str, Any]:
    """Parameters behind the question mark."""
    return {"parameters": [{"in": "query", "schema": schema}]}
