"""GET /v1/strategies: every strategy with its parameters as JSON Schema."""

from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, jsonify

from app.asking import allowance
from app.schemas.options import PREFIX
from tts_core.registry import Bounds, Checked, OneOf, Option, Registered
from tts_core.strategies import left_out, strategies

blueprint = Blueprint("strategies", __name__)
JSON_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string"}


@blueprint.get("/v1/strategies")
def index() -> Response:
    """List the strategies that the caller may use."""
    may = allowance().has_strategy
    data = [described(found) for found in strategies().values() if may(found.name)]
    return jsonify({"object": "list", "data": data, "left_out": [asdict(found) for found in left_out()]})


def described(found: Registered) -> dict[str, Any]:
    """A strategy as the client sees it."""
    return {
        "id": found.name,
        "object": "strategy",
        "summary": found.summary,
        "paper": found.paper or None,
        "needs": list(found.needs),
        "parameters": {
            "type": "object",
            "properties": {PREFIX + o.name: schema_of(o) for o in found.options.values()},
        },
    }


def schema_of(option: Option) -> dict[str, Any]:
    """An option as JSON Schema."""
    kind = JSON_TYPES[option.type]
    if option.several:
        items = {"type": kind, **limits_of(option)}
        return {
            "type": "array",
            "items": items,
            "default": list(option.default or ()),
            "description": option.doc,
        }
    schema: dict[str, Any] = {
        "type": kind if option.default is not None else [kind, "null"],
        "default": option.default,
        "description": option.doc,
        **limits_of(option),
    }
    if isinstance(option.rule, Checked):
        schema["description"] += f": {option.rule.syntax}"
    return schema


def limits_of(option: Option) -> dict[str, Any]:
    """What a value must hold to."""
    match option.rule:
        case Bounds(lowest, highest):
            limits = {"minimum": lowest, "maximum": highest}
            return {name: value for name, value in limits.items() if value is not None}
        case OneOf(words):
            return {"enum": list(words)}
    return {}
