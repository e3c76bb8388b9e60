"""What the routes of /v1/jobs read: pages, votes anew, extensions."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from marshmallow import EXCLUDE, RAISE, Schema, ValidationError, fields, pre_load, validate

from app.schemas.chat import between, chat_schema, close_to, first_of
from app.schemas.fields import Flag, Integer, Window, webhook
from app.schemas.options import strategy_fields
from tts_core.errors import InvalidRequest

PAGE = 20
MOST = 100


class PageSchema(Schema):
    """Which part of a list: at most `limit` of what follows `after`."""

    class Meta:
        unknown = EXCLUDE

    limit = fields.Integer(load_default=PAGE, validate=between(1, MOST))
    after = fields.String(load_default="", validate=validate.Length(max=64))


class TracePageSchema(Schema):
    """The same, where `after` is a trace's index."""

    class Meta:
        unknown = EXCLUDE

    limit = fields.Integer(load_default=PAGE, validate=between(1, MOST))
    after = fields.Integer(load_default=-1, validate=validate.Range(min=-1))
    confidences = fields.Boolean(load_default=False)
    logprobs = fields.Boolean(load_default=False)


class Strict(Schema):
    """A body whose fields are all known."""

    class Meta:
        unknown = RAISE

    @pre_load
    def no_unknown_fields(self, data: Any, **_: Any) -> Any:
        """An unknown field is a mistake: nothing here goes to an upstream."""
        for name in data if isinstance(data, dict) else ():
            if name not in self.fields:
                raise ValidationError(f"Unknown parameter.{close_to(name, self.fields)}", name)
        return data


class ExtendSchema(Strict):
    """By how many traces."""

    traces = Integer(required=True, validate=validate.Range(min=1))
    webhook = webhook()


class RevoteSchema(Strict):
    """How the stored traces are to vote; what is left out is as it was in the job."""

    tts_strategy = fields.String(allow_none=True, metadata={"description": "See GET /v1/strategies."})
    tts_window_size = Window(
        allow_none=True, metadata={"description": "Tokens of a confidence group, where they are kept."}
    )
    tts_min_traces = Integer(
        allow_none=True,
        validate=validate.Range(min=1),
        metadata={"description": "Fewer usable traces are an error."},
    )
    tts_include_traces = Flag(
        allow_none=True, metadata={"description": "Put the traces into tts_metadata."}
    )
    n = Integer(allow_none=True, validate=between(1, 128))


@cache
def job_schema() -> Schema:
    """What POST /v1/jobs takes: a chat completion's body, and who is to be told of the end."""
    schema: type[Schema] = type("JobRequest", (type(chat_schema()),), {"webhook": webhook()})
    return schema()


@cache
def revote_schema() -> Schema:
    """The schema with the options of every strategy."""
    schema: type[Schema] = type("RevoteRequest", (RevoteSchema,), strategy_fields())
    return schema()


def load(schema: Schema, given: Mapping[str, Any]) -> dict[str, Any]:
    """The checked fields, explicit nulls left out. Raises InvalidRequest naming the first bad field."""
    if not isinstance(given, Mapping):
        raise InvalidRequest("The body must be a JSON object.")
    try:
        data: dict[str, Any] = schema.load(given)
    except ValidationError as error:
        raise first_of(error) from error
    return {name: value for name, value in data.items() if value is not None}
