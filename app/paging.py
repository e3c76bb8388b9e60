"""OpenAI's lists, page by page."""

from collections.abc import Sequence
from typing import Any

from flask import request
from marshmallow import Schema

from app.schemas.jobs import PageSchema, load


def asked_page(schema: type[Schema] = PageSchema) -> dict[str, Any]:
    """`limit` and `after` of the current request. Raises InvalidRequest."""
    return load(schema(), request.args.to_dict())


def listing(data: Sequence[dict[str, Any]], *, more: bool, key: str = "id") -> dict[str, Any]:
    """One page of a list; `key` names the field that is a cursor."""
    return {
        "object": "list",
        "data": list(data),
        "first_id": data[0][key] if data else None,
        "last_id": data[-1][key] if data else None,
        "has_more": more,
    }
