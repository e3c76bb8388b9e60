"""The API's own description, written from the marshmallow schemas."""

from functools import cache
from itertools import chain
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin

from app.batches import description as of_batches
from app.compare import description as of_comparisons
from app.jobs import description as of_jobs
from app.responses import description as of_responses
from app.schemas.chat import chat_schema
from workers.settings import Settings

JSON = "application/json"
ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": ["string", "null"]},
            },
        }
    },
}
LISTS = {
    "/v1/models": "List models: the upstream's, the default, and each under every strategy.",
    "/v1/strategies": "List strategies with their parameters as JSON Schema.",
    "/health": "Liveness.",
    "/ready": "Readiness of Redis, the workers and the upstream.",
    "/metrics": "All numbers of the service in Prometheus' text format; opened by METRICS_TOKEN.",
}


@cache
def describe(settings: Settings) -> dict[str, Any]:
    """The OpenAPI 3.1 document."""
    spec = APISpec(
        title=settings.api_title,
        version=settings.api_version,
        openapi_version="3.1.0",
        plugins=[MarshmallowPlugin()],
        info={"description": "OpenAI-compatible test-time scaling: one question, many traces, one vote."},
    )
    spec.components.security_scheme("bearer", {"type": "http", "scheme": "bearer"})
    spec.components.schema("Error", ERROR)
    for path in ("/v1/chat/completions", "/v1/{strategy}/chat/completions"):
        spec.path(path, parameters=in_path(path), operations={"post": chat_operation()})
    for path in ("/v1/estimate", "/v1/{strategy}/estimate"):
        spec.path(path, parameters=in_path(path), operations={"post": estimate_operation()})
    for path, summary in LISTS.items():
        spec.path(path, operations={"get": {"summary": summary, "responses": responses("An object.")}})
    model = {"summary": "Show a model.", "responses": responses("The model.")}
    spec.path("/v1/models/{id}", parameters=in_path("/v1/models/{id}"), operations={"get": model})
    resources = (of_responses, of_jobs, of_batches, of_comparisons)
    for path, operations in chain(*(resource.operations().items() for resource in resources)):
        found = {
            method: {"summary": summary, "responses": responses(result), **more}
            for method, (summary, result, more) in operations.items()
        }
        spec.path(path, parameters=in_path(path), operations=found)
    return spec.to_dict()


def chat_operation() -> dict[str, Any]:
    """POST of a chat completion."""
    return {
        "summary": "Create a chat completion from many traces.",
        "requestBody": {"required": True, "content": {JSON: {"schema": chat_schema()}}},
        "responses": responses("A chat.completion, or its chunks as server-sent events with stream: true."),
    }


def estimate_operation() -> dict[str, Any]:
    """POST of an estimate."""
    return {
        "summary": "Tell what a chat completion would ask for, without asking.",
        "requestBody": {"required": True, "content": {JSON: {"schema": chat_schema()}}},
        "responses": responses("An estimate: rounds, calls, token bounds, what may end it early."),
    }


def responses(description: str) -> dict[str, Any]:
    """Success, and the error every route shares."""
    schema = {"schema": {"$ref": "#/components/schemas/Error"}}
    return {
        "200": {"description": description, "content": {JSON: {"schema": {"type": "object"}}}},
        "default": {"description": "An error in OpenAI's shape.", "content": {JSON: schema}},
    }


def in_path(path: str) -> list[dict[str, Any]]:
    """The parameters a path names."""
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    return [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]
