"""The strategies' own options as marshmallow fields, derived from their signatures."""

from collections.abc import Callable, Mapping
from typing import Any

from marshmallow import ValidationError, fields, validate

from app.schemas.fields import Flag, Integer, Number
from tts_core.errors import InvalidRequest
from tts_core.registry import Bounds, Checked, Models, OneOf, Option
from tts_core.strategies import strategies

FIELDS: Mapping[type, type[fields.Field[Any]]] = {
    bool: Flag,
    int: Integer,
    float: Number,
    str: fields.String,
}
PREFIX = "tts_"
MOST_ITEMS = 16
LONGEST_MODEL = 256


def field_of(option: Option) -> fields.Field[Any]:
    """The field that reads an option."""
    if option.several:
        return fields.List(
            FIELDS[option.type](validate=rule_of(option)),
            validate=validate.Length(min=1, max=most_of(option)),
            allow_none=True,
            metadata={"description": option.doc, "default": list(option.default or ())},
        )
    return FIELDS[option.type](
        validate=rule_of(option),
        allow_none=True,
        metadata={"description": option.doc, "default": option.default},
    )


def most_of(option: Option) -> int:
    """How many items a list may have."""
    return option.rule.most if isinstance(option.rule, Models) else MOST_ITEMS


def rule_of(option: Option) -> list[Callable[[Any], Any]]:
    """What the option's value must hold to."""
    match option.rule:
        case Bounds(lowest, highest):
            return [validate.Range(min=lowest, max=highest)]
        case OneOf(words):
            return [validate.OneOf(words, error="Must be one of: {choices}.")]
        case Checked(check, _):
            return [checking(check)]
        case Models():
            return [validate.Length(min=1, max=LONGEST_MODEL)]
    return []


def checking(check: Callable[[Any], object]) -> Callable[[Any], None]:
    """A domain's own check as a validator."""

    def validator(value: Any) -> None:
        try:
            check(value)
        except InvalidRequest as error:
            raise ValidationError(error.message) from error

    return validator


def strategy_fields() -> dict[str, fields.Field[Any]]:
    """The options of all strategies by the name a client sends."""
    return {
        PREFIX + option.name: field_of(option)
        for strategy in strategies().values()
        for option in strategy.options.values()
    }
