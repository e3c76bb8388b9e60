"""The endpoints of jobs, as /openapi.json tells of them."""

from typing import Any

from app.schemas.jobs import ExtendSchema, PageSchema, TracePageSchema, job_schema, revote_schema

JSON = "application/json"
ID = "/v1/jobs/{id}"
ONCE = {
    "in": "header",
    "name": "Idempotency-Key",
    "description": "The same key and body are the same job.",
    "schema": {"type": "string", "maxLength": 255},
}
LAST_EVENT = {
    "in": "header",
    "name": "Last-Event-ID",
    "description": "Go on after this event; also as the parameter after.",
    "schema": {"type": "string"},
}

JOB = "The job."
OBJECT = {JSON: {"schema": {"type": "object"}}}
FAILURE = {JSON: {"schema": {"$ref": "#/components/schemas/Error"}}}
ACCEPTED = {
    "parameters": [ONCE],
    "responses": {
        "202": {"description": JOB, "content": OBJECT},
        "default": {"description": "An error in OpenAI's shape.", "content": FAILURE},
    },
}

Operations = dict[str, tuple[str, str, dict[str, Any]]]


def operations() -> dict[str, Operations]:
    """By path and method: the summary, what comes back, what more is said of the operation."""
    return {
        "/v1/jobs": {
            "post": ("Hand in a job.", JOB, {**body(job_schema()), **ACCEPTED}),
            "get": ("List your jobs, newest first.", "A list of jobs.", query(PageSchema)),
        },
        ID: {
            "get": ("Show a job.", "The job, with its result once it has one.", {}),
            "delete": ("Forget a job that has ended.", "What was deleted.", {}),
        },
        f"{ID}/cancel": {"post": ("Stop a job and keep what was paid for.", JOB, {})},
        f"{ID}/traces": {
            "get": ("List a job's traces by index.", "A list of traces.", query(TracePageSchema))
        },
        f"{ID}/events": {
            "get": ("Follow a job.", "Server-sent events.", {"parameters": [LAST_EVENT]}),
        },
        f"{ID}/revote": {
            "post": (
                "Vote anew over a job's traces, without an upstream call.",
                "A chat.completion.",
                body(revote_schema()),
            )
        },
        f"{ID}/extend": {
            "post": (
                "Go on where a job has ended, with more traces.",
                JOB,
                {**body(ExtendSchema()), **ACCEPTED},
            )
        },
    }


def body(schema: Any) -> dict[str, Any]:
    """A body of JSON."""
    return {"requestBody": {"required": True, "content": {JSON: {"schema": schema}}}}


def query(schema: Any) -> dict[str, Any]:
    """Parameters behind the question mark."""
    return {"parameters": [{"in": "query", "schema": schema}]}
