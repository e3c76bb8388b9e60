"""Answers held to the JSON Schema of `response_format`, in bounded time whatever both are.

Rules are counted, patterns are linear (RE2), nothing is fetched, items are equal by canonical form.
Not checked are `unevaluatedProperties`, `unevaluatedItems`, and patterns that RE2 does not know.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from functools import lru_cache
from typing import Any

import re2
from jsonschema.exceptions import SchemaError, ValidationError
from jsonschema.validators import Draft202012Validator, extend, validator_for
from referencing.exceptions import Unresolvable
from referencing.jsonschema import EMPTY_REGISTRY, specification_with

from tts_core.answers.json_values import canonical, last_json
from tts_core.errors import InvalidRequest

MAX_SCHEMA = 100_000
MAX_RULES = 20_000
_MAX_NESTING = 64
_PARAM = "response_format"
_UNCHECKED = ("unevaluatedProperties", "unevaluatedItems")
_REMEMBERED = 256
_REFERENCES = frozenset(("$ref", "$dynamicRef", "$recursiveRef"))

Rule = Callable[[Any, Any, Any, Any], Any]

_given_up: dict[str, None] = {}
_left: ContextVar[Iterator[int]] = ContextVar("rules that may still be applied")


class TooMuch(Exception):
    """The check would take too long."""


def check_response_format(response_format: Mapping[str, Any]) -> None:
    """Refuse a JSON Schema that is none, that is too large, or that refers to something outside of itself.

    Raises InvalidRequest on `response_format`.
    """
    schema = schema_of(response_format)
    if schema is None:
        return
    if not isinstance(schema, dict | bool):
        raise _refused("'json_schema.schema' must be an object.")
    if fault := _fault(schema):
        raise _refused(f"The JSON Schema cannot be used: {fault[:300]}.")


def schema_of(response_format: object) -> Any:
    """The schema that a `response_format` gives; None when it gives none."""
    if not isinstance(response_format, Mapping) or response_format.get("type") != "json_schema":
        return None
    named = response_format.get("json_schema")
    return named.get("schema") if isinstance(named, Mapping) else None


def satisfies(text: str, schema: Any) -> bool | None:
    """Whether the last JSON value in a text satisfies a schema; None when that takes too long to tell."""
    found = last_json(text)
    if found is None:
        return False
    try:
        return _satisfies(json.loads(found[0], strict=False), json.dumps(schema, sort_keys=True))
    except (TooMuch, Unresolvable, RecursionError):
        return None
    except (ValueError, OverflowError):  # numbers that Python does not read
        return False


def _satisfies(value: Any, schema: str) -> bool:
    if schema in _given_up:
        raise TooMuch
    _left.set(iter(range(MAX_RULES)))
    try:
        return bool(_validator(schema).is_valid(value))
    except TooMuch:
        _given_up[schema] = None
        if len(_given_up) > _REMEMBERED:
            del _given_up[next(iter(_given_up))]
        raise


@lru_cache(maxsize=64)
def _validator(spelling: str) -> Any:
    schema = json.loads(spelling)
    base = validator_for(schema, default=Draft202012Validator)
    rules = {name: _counted(rule) for name, rule in {**base.VALIDATORS, **_OWN}.items()}
    kept = {name: rule for name, rule in rules.items() if name not in _UNCHECKED}
    checking = extend(base, validators={**kept, **dict.fromkeys(_UNCHECKED, _nothing)})
    return checking(schema, registry=EMPTY_REGISTRY)


def _counted(rule: Rule) -> Rule:
    def counting(validator: Any, value: Any, instance: Any, parent: Any) -> Any:
        if next(_left.get(), None) is None:
            raise TooMuch
        return rule(validator, value, instance, parent)

    return counting


def _nothing(*_: Any) -> tuple[()]:
    return ()


def _pattern(validator: Any, pattern: str, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    if validator.is_type(instance, "string") and not _matches(pattern, instance):
        yield ValidationError("does not match")


def _pattern_properties(
    validator: Any, patterns: Mapping[str, Any], instance: Any, _schema: Any
) -> Iterator[ValidationError]:
    for name, value in instance.items() if validator.is_type(instance, "object") else ():
        for pattern, schema in patterns.items():
            if _matches(pattern, name):
                yield from validator.descend(value, schema)


def _additional_properties(
    validator: Any, allowed: Any, instance: Any, schema: Mapping[str, Any]
) -> Iterator[ValidationError]:
    known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    for name, value in instance.items() if validator.is_type(instance, "object") else ():
        if name not in known and not any(_matches(pattern, name) for pattern in patterns):
            yield from validator.descend(value, allowed)


def _unique_items(validator: Any, wanted: bool, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    items = instance if wanted and validator.is_type(instance, "array") else []
    if len({canonical(item) for item in items}) < len(items):
        yield ValidationError("has equal items")


def _matches(pattern: str, text: str) -> bool:
    expression = _compiled(pattern)
    return expression is None or expression.search(text) is not None


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> Any:
    """The pattern; None for one that cannot be matched in linear time, which everything matches."""
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error:
        return None


_OWN: dict[str, Rule] = {
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
    "uniqueItems": _unique_items,
}


def _fault(schema: Any) -> str | None:
    if len(json.dumps(schema)) > MAX_SCHEMA:
        return f"it has more than {MAX_SCHEMA} characters"
    if isinstance(schema, dict) and not isinstance(schema.get("$schema", ""), str):
        return "its '$schema' is no text"
    if any(_depths(schema)):
        return "it is nested too deeply"
    kind = validator_for(schema, default=Draft202012Validator)
    try:
        kind.check_schema(schema)
    except SchemaError as error:
        return f"{error.message} (at {error.json_path})"
    return next(_dangling(schema, _resolver(schema, kind)), None)


def _resolver(schema: Any, kind: Any) -> Any:
    dialect = specification_with(kind.META_SCHEMA["$schema"])
    return EMPTY_REGISTRY.resolver_with_root(dialect.create_resource(schema))


def _depths(part: Any, nesting: int = 0) -> Iterator[bool]:
    if nesting > _MAX_NESTING:
        yield True
        return
    for inner in _inside(part):
        yield from _depths(inner, nesting + 1)


def _inside(part: Any) -> Iterable[Any]:
    if isinstance(part, dict):
        return part.values()
    return part if isinstance(part, list) else ()


def _dangling(part: Any, resolver: Any) -> Iterator[str]:
    for name, value in part.items() if isinstance(part, dict) else ():
        if name in _REFERENCES and isinstance(value, str) and not _resolves(value, resolver):
            yield f"{value[:80]!r} refers to nothing in it"
    for inner in _inside(part):
        yield from _dangling(inner, resolver)


def _resolves(reference: str, resolver: Any) -> bool:
    try:
        resolver.lookup(reference)
    except Unresolvable:
        return False
    return True


def _refused(reason: str) -> InvalidRequest:
    return InvalidRequest(f"{_PARAM}: {reason}", param=_PARAM)
