"""The bodies of comparisons: strategies, by name or with options of their own."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from marshmallow import EXCLUDE, Schema, fields, pre_load, validate

from app.schemas.chat import ChatSchema
from app.schemas.fields import Integer, Window
from app.schemas.jobs import Strict, load
from app.schemas.options import strategy_fields

MOST_STRATEGIES = 32
STRATEGIES = "strategies"
COUNT = validate.Length(min=1, max=MOST_STRATEGIES)
LISTED = {"description": "Names of strategies or presets, or objects with `strategy` and its tts_ fields."}


class EntrySchema(Strict):
    """One strategy, or preset, and what is its own in the comparison."""

    strategy = fields.String(required=True, metadata={"description": "See GET /v1/strategies."})
    tts_window_size = Window(allow_none=True, metadata={"description": "Tokens of a confidence group."})
    tts_min_traces = Integer(
        allow_none=True,
        validate=validate.Range(min=1),
        metadata={"description": "Fewer usable traces are an error."},
    )

    @pre_load
    def no_unknown_fields(self, data: Any, **kwargs: Any) -> Any:
        """A name by itself is a strategy without options; else as for every strict body."""
        if isinstance(data, str):
            return {"strategy": data}
        return super().no_unknown_fields(data, **kwargs)


@cache
def entry_schema() -> Schema:
    """The schema with the options of every strategy."""
    schema: type[Schema] = type("ComparedStrategy", (EntrySchema,), strategy_fields())
    return schema()


def listed() -> dict[str, fields.Field[Any]]:
    """The list of strategies."""
    entries = fields.List(fields.Nested(entry_schema()), required=True, validate=COUNT, metadata=LISTED)
    return {STRATEGIES: entries}


@cache
def entries_schema() -> Schema:
    """The list by itself; what else is in the body is read by the schema of chats."""
    schema: type[Schema] = Schema.from_dict(listed(), name="ComparedStrategies")
    return schema(unknown=EXCLUDE)


@cache
def compare_schema() -> Schema:
    """The whole body of POST /v1/compare."""
    schema: type[Schema] = type("CompareRequest", (ChatSchema,), {**strategy_fields(), **listed()})
    return schema()


class JobCompareSchema(Strict):
    """What all strategies have in common; what is left out is as it was in the job."""

    tts_window_size = Window(
        allow_none=True, metadata={"description": "Tokens of a confidence group, where they are kept."}
    )
    tts_min_traces = Integer(
        allow_none=True,
        validate=validate.Range(min=1),
        metadata={"description": "Fewer usable traces are an error."},
    )


@cache
def job_compare_schema() -> Schema:
    """The whole body of POST /v1/jobs/{id}/compare."""
    schema: type[Schema] = type("JobCompareRequest", (JobCompareSchema,), {**strategy_fields(), **listed()})
    return schema()


def load_entries(body: Any) -> list[dict[str, Any]]:
    """The strategies in a body, explicit nulls left out. Raises InvalidRequest naming the place."""
    return given_in(load(entries_schema(), body))


def given_in(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The strategies of a checked body without explicit nulls."""
    return [{k: v for k, v in entry.items() if v is not None} for entry in body[STRATEGIES]]
