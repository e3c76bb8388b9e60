"""What a run's winner said, as the items of a response's output."""

from collections.abc import Iterator, Mapping
from typing import Any

from app.render import Outcome, finish_reason, trimmed
from workers.records import Text

INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}


def winner_of(outcome: Outcome) -> Text:
    """What the best-supported answer says."""
    return outcome.texts[outcome.winners[0]]


def incomplete_reason(outcome: Outcome) -> str | None:
    """Why the winner did not say all, in the words of a response; None when it did."""
    return INCOMPLETE.get(finish_reason(winner_of(outcome)))


def output_of(outcome: Outcome) -> list[dict[str, Any]]:
    """The items: the reasoning if the upstream tells it, the text, the calls."""
    message = winner_of(outcome).message
    status = "incomplete" if incomplete_reason(outcome) else "completed"
    return [
        *reasoning(message, outcome.run_id, status),
        *spoken(message, outcome, status),
        *calls(message, outcome.run_id, status),
    ]


def reasoning(message: Mapping[str, Any], run_id: str, status: str) -> Iterator[dict[str, Any]]:
    """The chain of thought, where it comes apart from the text."""
    if thought := message.get("reasoning_content"):
        content = [{"type": "reasoning_text", "text": thought}]
        yield {
            "id": f"rs_{run_id}",
            "type": "reasoning",
            "summary": [],
            "content": content,
            "status": status,
        }


def spoken(message: Mapping[str, Any], outcome: Outcome, status: str) -> Iterator[dict[str, Any]]:
    """The text, also an empty one when there is nothing else; a refusal in its stead."""
    text, refusal = message.get("content") or "", message.get("refusal")
    parts: list[dict[str, Any]] = []
    if text or not (refusal or message.get("tool_calls")):
        entries = logprobs(trimmed(winner_of(outcome).logprobs, outcome.question))
        parts.append({"type": "output_text", "text": text, "annotations": [], "logprobs": entries})
    if refusal:
        parts.append({"type": "refusal", "refusal": refusal})
    if parts:
        item = {"id": f"msg_{outcome.run_id}", "type": "message", "role": "assistant"}
        yield {**item, "status": status, "content": parts}


def logprobs(found: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """A chat's log-probabilities as those of a response, where `bytes` may not be null."""
    entries = found["content"] if found else ()
    return [
        {**candidate(entry), "top_logprobs": [candidate(other) for other in entry["top_logprobs"]]}
        for entry in entries
    ]


def candidate(entry: Mapping[str, Any]) -> dict[str, Any]:
    """One token."""
    written = entry.get("bytes")
    spelt = list(entry["token"].encode()) if written is None else written
    return {"token": entry["token"], "logprob": entry["logprob"], "bytes": spelt}


def calls(message: Mapping[str, Any], run_id: str, status: str) -> Iterator[dict[str, Any]]:
    """The calls of functions. SDKs tell them apart by `call_id`, so one that comes twice gets its own."""
    seen: set[str] = set()
    for place, call in enumerate(message.get("tool_calls") or ()):
        own = f"call_{place}_{run_id}"
        call_id = call.get("id") or own
        call_id = own if call_id in seen else call_id
        seen.add(call_id)
        function = call["function"]
        yield {
            "id": f"fc_{place}_{run_id}",
            "type": "function_call",
            "call_id": call_id,
            "name": function["name"],
            "arguments": function["arguments"],
            "status": status,
        }
