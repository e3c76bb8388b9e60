"""A response as a stream of events, a function of the response alone: whoever asks again, wherever,
gets the same events under the same numbers."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from app.errors import public_code, public_message
from app.sse import pieces
from tts_core.errors import ChorusError

Event = dict[str, Any]
OPENING_EVENTS = 2


def opening(created: Mapping[str, Any], in_progress: Mapping[str, Any]) -> Iterator[Event]:
    """The first OPENING_EVENTS events, which need no ending."""
    yield {"type": "response.created", "response": created}
    yield {"type": "response.in_progress", "response": in_progress}


def closing(response: Mapping[str, Any]) -> Iterator[Event]:
    """All further events of a response that has ended."""
    for place, item in enumerate(response["output"]):
        yield from told(item, place)
    last = {"completed": "completed", "failed": "failed"}.get(response["status"], "incomplete")
    yield {"type": f"response.{last}", "response": response}


def told(item: Mapping[str, Any], place: int) -> Iterator[Event]:
    """One item of the output: empty, piece by piece, whole."""
    empty: Event = {"arguments": ""} if item["type"] == "function_call" else {"content": []}
    started = {**item, **empty, "status": "in_progress"}
    yield {"type": "response.output_item.added", "output_index": place, "item": started}
    where = {"item_id": item["id"], "output_index": place}
    if item["type"] == "function_call":
        yield from arguments(item, where)
    for number, part in enumerate(item.get("content", ())):
        yield from part_of(part, {**where, "content_index": number})
    yield {"type": "response.output_item.done", "output_index": place, "item": item}


def arguments(item: Mapping[str, Any], where: Event) -> Iterator[Event]:
    """The arguments of a call."""
    kind = "response.function_call_arguments"
    for piece in pieces(item["arguments"]):
        yield {"type": f"{kind}.delta", **where, "delta": piece}
    yield {"type": f"{kind}.done", **where, "name": item["name"], "arguments": item["arguments"]}


def part_of(part: Mapping[str, Any], where: Event) -> Iterator[Event]:
    """A part of an item's content."""
    field = "refusal" if part["type"] == "refusal" else "text"
    more: Event = {"logprobs": []} if part["type"] == "output_text" else {}
    yield {"type": "response.content_part.added", **where, "part": {**part, field: "", **more}}
    kind = f"response.{part['type']}"
    for piece, entries in spelt(part, field):
        yield {"type": f"{kind}.delta", **where, "delta": piece, **({"logprobs": entries} if more else {})}
    whole = {name: part[name] for name in (field, *more)}
    yield {"type": f"{kind}.done", **where, **whole}
    yield {"type": "response.content_part.done", **where, "part": part}


def spelt(part: Mapping[str, Any], field: str) -> Iterable[tuple[str, list[Any]]]:
    """The text in pieces: token by token where log-probabilities spell it, else a few words at a time."""
    entries = part.get("logprobs", ())
    if "".join(entry["token"] for entry in entries) == part[field]:
        return ((entry["token"], [entry]) for entry in entries)
    return ((piece, []) for piece in pieces(part[field]))


def numbered(events: Iterable[Event], first: int, after: int) -> Iterator[str]:
    """The events whose number, counted from `first`, lies behind `after`, as they are sent."""
    for number, event in enumerate(events, first):
        if number > after:
            yield framed({**event, "sequence_number": number})


def failure(error: ChorusError, after: int) -> str:
    """What breaks a stream off. It has the number of the event before it: who asks again with that one
    misses nothing."""
    told_of = {"code": public_code(error), "message": public_message(error), "param": error.param}
    return framed({"type": "error", **told_of, "sequence_number": after})


def framed(event: Event) -> str:
    """One event on the wire."""
    return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n"
