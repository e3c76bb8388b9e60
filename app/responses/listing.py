"""The items of a response's input, page by page."""

from collections.abc import Mapping
from typing import Any

from app.responses.items import listed, read_items
from tts_core.errors import InvalidRequest
from workers.jobs import Job


def input_page(job: Job, asked: Mapping[str, Any]) -> dict[str, Any]:
    """A page of the input: `limit` items behind the item `after`, newest first unless `order` is asc.

    Raises InvalidRequest for an item that is none of the input.
    """
    items = read_items(job.submission.shown["echo"]["input"])
    found = [listed(item, job.id, place) for place, item in enumerate(items)]
    if asked["order"] == "desc":
        found.reverse()
    start = place_after(found, asked["after"])
    page = found[start : start + asked["limit"]]
    return {
        "object": "list",
        "data": page,
        "first_id": page[0]["id"] if page else "",
        "last_id": page[-1]["id"] if page else "",
        "has_more": start + len(page) < len(found),
    }


def place_after(found: list[dict[str, Any]], item_id: str) -> int:
    """Where the page begins."""
    if not item_id:
        return 0
    for place, item in enumerate(found):
        if item["id"] == item_id:
            return place + 1
    raise InvalidRequest(f"There is no input item {item_id[:80]!r}.", param="after")
