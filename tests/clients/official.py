"""OpenAI's own schemas as the judge of what clients get, and what a stream says."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

SCHEMAS = Path(__file__).with_name("openai-schemas.json")
URI = "urn:openai"

COMPLETION = "CreateChatCompletionResponse"
CHUNK = "CreateChatCompletionStreamResponse"
MODELS = "ListModelsResponse"
MODEL = "Model"
ERROR = "ErrorResponse"
REQUEST = "CreateChatCompletionRequest"
RESPONSE = "Response"
INPUT_ITEMS = "ResponseItemList"


@cache
def registry() -> Registry:
    """The cut document, its references resolvable."""
    document = json.loads(SCHEMAS.read_text())
    return Registry().with_resource(URI, Resource(contents=document, specification=DRAFT202012))


@cache
def judge(name: str) -> Draft202012Validator:
    """The validator of one schema."""
    return Draft202012Validator({"$ref": f"{URI}#/components/schemas/{name}"}, registry=registry())


def check(name: str, value: Any) -> None:
    """Hold a JSON value to a schema. Raises jsonschema's ValidationError with the worst finding."""
    judge(name).validate(value)


def chunks_of(stream: str) -> list[dict[str, Any]]:
    """The JSON events of a stream that ends as it should."""
    data = [line.removeprefix("data: ") for line in stream.splitlines() if line.startswith("data: ")]
    assert data[-1] == "[DONE]"
    return [json.loads(event) for event in data[:-1]]
