"""The body of POST /v1/responses."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from marshmallow import EXCLUDE, INCLUDE, Schema, ValidationError, fields, validate, validates_schema

from app.schemas.chat import between, chat_schema, first_of
from app.schemas.fields import Flag, Integer, Number, webhook
from app.schemas.options import PREFIX
from tts_core.errors import InvalidRequest

LOGPROBS = "message.output_text.logprobs"
INCLUDED = (LOGPROBS, "message.input_image.image_url")
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
DETAILS = ("auto", "concise", "detailed")
ONE_OF = "Must be one of: {choices}."

UNSUPPORTED = {
    "previous_response_id": "Send the earlier turns in 'input'.",
    "conversation": "Send the earlier turns in 'input'.",
    "prompt": "Send the prompt in 'instructions' and 'input'.",
    "context_management": "Nothing is left out of the context here.",
    "max_tool_calls": "There are no built-in tools here.",
    "moderation": "Nothing is moderated here.",
    "background_options": "A response lives as long as the operator's JOB_TIMEOUT_S.",
    "messages": "In the Responses API it is 'input'.",
    "n": "A response has one output.",
    "max_tokens": "In the Responses API it is 'max_output_tokens'.",
    "max_completion_tokens": "In the Responses API it is 'max_output_tokens'.",
    "response_format": "In the Responses API it is 'text.format'.",
    "reasoning_effort": "In the Responses API it is 'reasoning.effort'.",
    "verbosity": "In the Responses API it is 'text.verbosity'.",
    "logprobs": f"In the Responses API it is 'include': ['{LOGPROBS}'].",
}


class Strict(Schema):
    """An object in which a field that is not known here is a mistake."""

    error_messages = {"unknown": "Unknown parameter."}  # noqa: RUF012 - marshmallow's own way


class ToolSchema(Strict):
    """A function tool."""

    type = fields.String(
        required=True,
        validate=validate.OneOf(["function"], error="Only function tools are supported here."),
    )
    name = fields.String(required=True, validate=validate.Length(min=1))
    description = fields.String(allow_none=True)
    parameters = fields.Dict(allow_none=True)
    strict = Flag(allow_none=True)


class ReasoningSchema(Strict):
    """How much the model is to think."""

    effort = fields.String(allow_none=True, validate=validate.OneOf(EFFORTS, error=ONE_OF))
    summary = fields.String(allow_none=True, validate=validate.OneOf(DETAILS, error=ONE_OF))


class FormatSchema(Strict):
    """The form of the answer."""

    type = fields.String(
        required=True, validate=validate.OneOf(("text", "json_object", "json_schema"), error=ONE_OF)
    )
    name = fields.String()
    schema = fields.Dict()
    strict = Flag(allow_none=True)
    description = fields.String(allow_none=True)

    @validates_schema
    def a_json_schema_has_a_name(self, data: dict[str, Any], **_: Any) -> None:
        """OpenAI's own rule."""
        missing = {"name", "schema"} - data.keys() if data["type"] == "json_schema" else ()
        for name in sorted(missing):
            raise ValidationError(fields.Field.default_error_messages["required"], name)


class TextSchema(Strict):
    """The text of the answer."""

    format = fields.Nested(FormatSchema, allow_none=True)
    verbosity = fields.String(
        allow_none=True, validate=validate.OneOf(("low", "medium", "high"), error=ONE_OF)
    )


class ResponseStreamOptionsSchema(Strict):
    """How a stream is sent."""

    include_obfuscation = Flag(allow_none=True)


class ResponseSchema(Schema):
    """The Responses subset; what is not named here, nor unsupported, reaches the upstream."""

    class Meta:
        unknown = INCLUDE

    model = fields.String(required=True, validate=validate.Length(min=1, max=256))
    input = fields.Raw(
        required=True,
        metadata={"type": ["string", "array"], "description": "Text, or messages and function calls."},
    )
    instructions = fields.String(allow_none=True)
    max_output_tokens = Integer(allow_none=True, validate=validate.Range(min=1))
    temperature = Number(allow_none=True, validate=between(0, 2))
    top_p = Number(allow_none=True, validate=between(0, 1))
    top_logprobs = Integer(allow_none=True, validate=between(0, 20))
    include = fields.List(fields.String(validate=validate.OneOf(INCLUDED, error=ONE_OF)), allow_none=True)
    tools = fields.List(fields.Nested(ToolSchema), allow_none=True)
    tool_choice = fields.Raw(allow_none=True, metadata={"type": ["string", "object"]})
    parallel_tool_calls = Flag(allow_none=True)
    text = fields.Nested(TextSchema, allow_none=True)
    reasoning = fields.Nested(ReasoningSchema, allow_none=True)
    metadata = fields.Dict(
        keys=fields.String(validate=validate.Length(max=64)),
        values=fields.String(validate=validate.Length(max=512)),
        validate=validate.Length(max=16, error="At most {max} pairs."),
        allow_none=True,
    )
    background = Flag(allow_none=True, metadata={"default": False})
    store = Flag(allow_none=True, metadata={"default": True})
    stream = Flag(allow_none=True, metadata={"default": False})
    stream_options = fields.Nested(ResponseStreamOptionsSchema, allow_none=True)
    truncation = fields.String(
        allow_none=True,
        validate=validate.OneOf(["disabled"], error="Only 'disabled' is supported here."),
    )
    user = fields.String(allow_none=True)
    webhook = webhook()

    @validates_schema
    def only_a_background_response_has_a_webhook(self, data: dict[str, Any], **_: Any) -> None:
        """Who waits for a response need not be told of its end."""
        if data.get("webhook") is not None and not data.get("background"):
            raise ValidationError("Needs 'background' to be true.", "webhook")

    @validates_schema
    def a_background_response_is_stored(self, data: dict[str, Any], **_: Any) -> None:
        """OpenAI's own rule: it could not be retrieved."""
        if data.get("background") and data.get("store") is False:
            raise ValidationError("A background response is stored.", "store")

    @validates_schema
    def top_logprobs_are_included(self, data: dict[str, Any], **_: Any) -> None:
        """Alternatives come with the log-probabilities only."""
        if data.get("top_logprobs") and LOGPROBS not in (data.get("include") or ()):
            raise ValidationError(f"Needs '{LOGPROBS}' in 'include'.", "top_logprobs")


class Query(Schema):
    """Parameters of a URL; SDKs may send more."""

    class Meta:
        unknown = EXCLUDE


class RetrieveSchema(Query):
    """How a response is to be shown."""

    stream = fields.Boolean(load_default=False)
    starting_after = fields.Integer(load_default=-1, validate=validate.Range(min=-1))


class InputPageSchema(Query):
    """Which part of the input."""

    limit = fields.Integer(load_default=20, validate=between(1, 100))
    order = fields.String(load_default="desc", validate=validate.OneOf(("asc", "desc"), error=ONE_OF))
    after = fields.String(load_default="")


@cache
def response_schema() -> Schema:
    """The schema with our own fields."""
    ours = {name: field for name, field in chat_schema().fields.items() if name.startswith(PREFIX)}
    schema: type[Schema] = type("ResponseRequest", (ResponseSchema,), ours)
    return schema()


def load_response(body: Any) -> dict[str, Any]:
    """The checked body without nulls. Raises InvalidRequest naming the first bad field."""
    if not isinstance(body, dict):
        raise InvalidRequest("The body must be a JSON object.")
    for name, instead in UNSUPPORTED.items():
        if body.get(name) is not None:
            message = f"Unsupported parameter: '{name}'. {instead}"
            raise InvalidRequest(message, param=name, code="unsupported_parameter")
    data = loaded(response_schema(), body)
    return {name: value for name, value in data.items() if value is not None}


def loaded(schema: Schema, given: Mapping[str, Any]) -> dict[str, Any]:
    """What a schema makes of it. Raises InvalidRequest naming the first bad field."""
    try:
        return dict(schema.load(given))
    except ValidationError as error:
        raise first_of(error) from error
