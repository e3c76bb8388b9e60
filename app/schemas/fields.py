"""Fields that take JSON as it is: "3" and true are no numbers, 0 is no boolean."""

from typing import Any

from marshmallow import ValidationError, fields

HUGE = 1e300


class Integer(fields.Integer):
    """A JSON integer."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValidationError("Must be an integer.")
        return value


class Number(fields.Float):
    """A finite JSON number."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not -HUGE < value < HUGE:
            raise ValidationError("Must be a number.")
        return value


class Flag(fields.Boolean):
    """A JSON true or false."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise ValidationError("Must be true or false.")
        return value


class Stop(fields.Raw):
    """One stop sequence or several."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        several = value if isinstance(value, list) else [value]
        if not all(isinstance(item, str) for item in several):
            raise ValidationError("Must be a string or an array of strings.")
        return value


class Content(fields.Raw):
    """A message's content: text, or an array of parts with a type each."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, str):
            return value
        if not isinstance(value, list) or not all(isinstance(p, dict) and "type" in p for p in value):
            raise ValidationError("Must be a string or an array of content parts.")
        return value


class Window(fields.Raw):
    """A group size in tokens, or "auto"."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if value == "auto":
            return value
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 1_000_000:
            raise ValidationError('Must be an integer from 1 to 1000000, or "auto".')
        return value


def webhook() -> fields.Field[str]:
    """Who is to be told of a job's end; whether it may be is asked of the settings."""
    told = "An endpoint to tell of the end: a name or a URL that the operator lists."
    return fields.String(allow_none=True, metadata={"description": told})
