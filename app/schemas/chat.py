"""The body of POST /v1/chat/completions."""

from collections.abc import Iterable
from difflib import get_close_matches
from functools import cache
from typing import Any

from marshmallow import INCLUDE, Schema, ValidationError, fields, validate, validates_schema

from app.schemas.fields import Content, Flag, Integer, Number, Stop, Window
from app.schemas.options import PREFIX, checking, strategy_fields
from tts_core.answers import check_answer_format, check_response_format
from tts_core.errors import InvalidRequest

ROLES = ("developer", "system", "user", "assistant", "tool", "function")
SEED = 2**63
WHOLE = "_schema"  # marshmallow's name for a finding about an object as such


def between(lowest: float, highest: float) -> validate.Range:
    """A range with both ends in."""
    return validate.Range(min=lowest, max=highest)


def close_to(name: str, known: Iterable[str]) -> str:
    """A hint at what was meant, if anything is close."""
    close = get_close_matches(name, list(known), 1)
    return f" Did you mean {close[0]!r}?" if close else ""


class MessageSchema(Schema):
    """One message; what is not read here reaches the upstream as it came."""

    class Meta:
        unknown = INCLUDE

    role = fields.String(required=True, validate=validate.OneOf(ROLES, error="Must be one of: {choices}."))
    content = Content(allow_none=True)
    tool_calls = fields.List(fields.Dict(), allow_none=True)


class StreamOptionsSchema(Schema):
    """How a stream is to end."""

    class Meta:
        unknown = INCLUDE

    include_usage = Flag(allow_none=True)


class ChatSchema(Schema):
    """OpenAI's parameters and ours. Unknown ones reach the upstream, but for misspelt tts_* ones."""

    class Meta:
        unknown = INCLUDE

    model = fields.String(required=True, validate=validate.Length(min=1, max=256))
    messages = fields.List(fields.Nested(MessageSchema), required=True, validate=validate.Length(min=1))
    temperature = Number(allow_none=True, validate=between(0, 2))
    top_p = Number(allow_none=True, validate=between(0, 1))
    max_tokens = Integer(allow_none=True, validate=validate.Range(min=1))
    max_completion_tokens = Integer(allow_none=True, validate=validate.Range(min=1))
    n = Integer(allow_none=True, validate=between(1, 128))
    seed = Integer(allow_none=True, validate=between(-SEED, SEED - 1))
    stop = Stop(allow_none=True)
    presence_penalty = Number(allow_none=True, validate=between(-2, 2))
    frequency_penalty = Number(allow_none=True, validate=between(-2, 2))
    logit_bias = fields.Dict(allow_none=True)
    logprobs = Flag(allow_none=True)
    top_logprobs = Integer(allow_none=True, validate=between(0, 20))
    stream = Flag(allow_none=True)
    stream_options = fields.Nested(StreamOptionsSchema, allow_none=True)
    tools = fields.List(fields.Dict(), allow_none=True)
    response_format = fields.Dict(allow_none=True, validate=checking(check_response_format))
    metadata = fields.Dict(allow_none=True)
    user = fields.String(allow_none=True)

    tts_strategy = fields.String(allow_none=True, metadata={"description": "See GET /v1/strategies."})
    tts_window_size = Window(
        allow_none=True, metadata={"description": "Tokens of a confidence group.", "default": 2048}
    )
    tts_top_logprobs = Integer(
        allow_none=True,
        validate=between(0, 20),
        metadata={"description": "k of the token confidence; 0 asks for none.", "default": 20},
    )
    tts_deadline_s = Number(
        allow_none=True,
        validate=validate.Range(min=0, min_inclusive=False),
        metadata={"description": "Answer with the traces at hand when it passes."},
    )
    tts_max_total_tokens = Integer(
        allow_none=True,
        validate=validate.Range(min=1),
        metadata={"description": "Stop all traces once the run has received so many tokens."},
    )
    tts_min_traces = Integer(
        allow_none=True,
        validate=validate.Range(min=1),
        metadata={"description": "Fewer usable traces are an error.", "default": 1},
    )
    tts_answer_format = fields.String(
        allow_none=True,
        validate=checking(check_answer_format),
        metadata={
            "description": "auto, boxed, choice, number, json, text, code or regex:PATTERN.",
            "default": "auto",
        },
    )
    tts_answer_hint = Flag(
        allow_none=True, metadata={"description": "Ask for \\boxed{} in the prompt.", "default": False}
    )
    tts_require_logprobs = Flag(
        allow_none=True,
        metadata={"description": "Fail rather than vote without confidence.", "default": False},
    )
    tts_judge_model = fields.String(
        allow_none=True,
        validate=validate.Length(min=1, max=256),
        metadata={"description": "Model of the judge calls; by default the one of the request."},
    )
    tts_include_traces = Flag(
        allow_none=True, metadata={"description": "Put the traces into tts_metadata.", "default": False}
    )
    tts_progress = Flag(
        allow_none=True, metadata={"description": "Stream: tell of every trace.", "default": False}
    )
    tts_keep = Flag(
        allow_none=True, metadata={"description": "Go on when the client goes away.", "default": False}
    )
    tts_keep_confidences = Flag(
        allow_none=True,
        metadata={"description": "Keep every token's confidence with the traces.", "default": False},
    )

    @validates_schema(pass_original=True, skip_on_field_errors=False)
    def no_misspelt_options(self, _: Any, original: Any, **__: Any) -> None:
        """An unknown tts_* field is a mistake, never something for the upstream."""
        for name in original if isinstance(original, dict) else ():
            if name.startswith(PREFIX) and name not in self.fields:
                ours = [field for field in self.fields if field.startswith(PREFIX)]
                raise ValidationError(f"Unknown parameter.{close_to(name, ours)}", name)

    @validates_schema
    def top_logprobs_need_logprobs(self, data: dict[str, Any], **_: Any) -> None:
        """OpenAI's own rule."""
        if data.get("top_logprobs") is not None and not data.get("logprobs"):
            raise ValidationError("Needs `logprobs` to be true.", "top_logprobs")


@cache
def chat_schema() -> Schema:
    """The schema with the options of every strategy."""
    schema: type[Schema] = type("ChatCompletionRequest", (ChatSchema,), strategy_fields())
    return schema()


def load_chat(body: Any) -> dict[str, Any]:
    """The checked body, explicit nulls left out. Raises InvalidRequest naming the first bad field."""
    if not isinstance(body, dict):
        raise InvalidRequest("The body must be a JSON object.")
    try:
        data: dict[str, Any] = chat_schema().load(body)
    except ValidationError as error:
        raise first_of(error) from error
    known = chat_schema().fields
    return {name: value for name, value in data.items() if value is not None or name not in known}


def first_of(error: ValidationError) -> InvalidRequest:
    """The first finding, in OpenAI's words: `messages[0].role` names the place."""
    place, finding = "", error.normalized_messages()
    while isinstance(finding, dict):
        name, finding = next(iter(finding.items()))
        if name != WHOLE:
            place += f"[{name}]" if isinstance(name, int) else f".{name}" if place else str(name)
    message = finding[0] if isinstance(finding, list) else str(finding)
    if message == fields.Field.default_error_messages["required"]:
        return InvalidRequest(
            f"Missing required parameter: '{place}'.", param=place, code="missing_required_parameter"
        )
    code = "unknown_parameter" if message.startswith("Unknown parameter") else "invalid_value"
    return InvalidRequest(f"Invalid value for '{place}': {message}", param=place, code=code)
