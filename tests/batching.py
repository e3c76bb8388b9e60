"""Short ways to hand in batches, for tests."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from asking import QUESTION
from clients.official import check
from openai import OpenAI

CHAT = "/v1/chat/completions"
OPEN = ("validating", "in_progress", "finalizing", "cancelling")
PATIENCE_S = 60.0
Json = dict[str, Any]


def line(custom_id: str, *, url: str = CHAT, **changes: Any) -> Json:
    """One line of an input file; `changes` go into the body."""
    body = {"model": "m", "messages": QUESTION, "tts_strategy": "single", **changes}
    return {"custom_id": custom_id, "method": "POST", "url": url, "body": body}


def written(lines: Sequence[Json | str]) -> bytes:
    """The lines as a file; a string is written as it is."""
    return "".join(f"{one if isinstance(one, str) else json.dumps(one)}\n" for one in lines).encode()


def upload(client: OpenAI, lines: Sequence[Json | str]) -> str:
    """An input file; its id."""
    return client.files.create(file=("in.jsonl", written(lines)), purpose="batch").id


def hand_in(client: OpenAI, lines: Sequence[Json | str], endpoint: Any = CHAT, **more: Any) -> Any:
    """A batch of these lines."""
    file_id = upload(client, lines)
    return client.batches.create(input_file_id=file_id, endpoint=endpoint, completion_window="24h", **more)


def until(client: OpenAI, batch_id: str, holds: Callable[[Any], bool]) -> Any:
    """The batch once that holds; it is asked for as the SDK's users do. Raises TimeoutError."""
    end_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < end_s:
        found = client.batches.retrieve(batch_id)
        if holds(found):
            return found
        time.sleep(0.05)
    raise TimeoutError(found)


def ended(client: OpenAI, batch: Any) -> Any:
    """The batch once it has ended."""
    return until(client, batch.id, lambda found: found.status not in OPEN)


def read(client: OpenAI, file_id: str | None) -> Mapping[str, Json]:
    """The lines of an output or error file by their custom_id; of no file none."""
    if file_id is None:
        return {}
    rows = [json.loads(row) for row in client.files.content(file_id).text.splitlines()]
    found = {row["custom_id"]: row for row in rows}
    assert len(found) == len(rows)
    return found


def official(client: OpenAI, batch_id: str) -> Json:
    """The batch as it travels, held to OpenAI's schema."""
    found: Json = json.loads(client.batches.with_raw_response.retrieve(batch_id).text)
    check("Batch", found)
    return found
