"""A run as OpenAI's stream of chunks."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from app.errors import body_of
from app.render import Outcome, finish_reason, logprobs, metadata, usage
from tts_core.errors import ChorusError

HEARTBEAT = ": keep-alive\n\n"
DONE = "data: [DONE]\n\n"
PIECE_CHARACTERS = 48


class Chunks:
    """Writes the chunks of one completion, which share id, time and model."""

    def __init__(self, run_id: str, created: int, model: str, *, include_usage: bool) -> None:
        self.head = {
            "id": f"chatcmpl-{run_id}",
            "object": "chat.completion.chunk",
            "created": created,
            "model": model,
        }
        self.nulls = {"usage": None} if include_usage else {}
        self.include_usage = include_usage

    def event(self, choices: list[dict[str, Any]], **more: Any) -> str:
        """One chunk as an event."""
        return f"data: {json.dumps({**self.head, 'choices': choices, **self.nulls, **more})}\n\n"

    def delta(self, place: int, delta: Mapping[str, Any], **more: Any) -> str:
        """One choice's next piece."""
        piece = {"index": place, "delta": delta, "finish_reason": None, "logprobs": None}
        return self.event([{**piece, **more}])

    def opening(self, place: int = 0) -> str:
        """A choice's role."""
        return self.delta(place, {"role": "assistant", "content": "", "refusal": None})

    def answer(self, outcome: Outcome) -> Iterator[str]:
        """The winners' texts, their ends, the usage, [DONE]."""
        for place, index in enumerate(outcome.winners):
            if place:
                yield self.opening(place)
            yield from self.choice(outcome, place, index)
        if self.include_usage:
            yield self.event([], usage=usage(outcome.ending.usage))
        yield DONE

    def choice(self, outcome: Outcome, place: int, index: int) -> Iterator[str]:
        """One winner; its metadata rides on the end, on the choice and once on the delta, because
        the SDK's accumulating helper keeps only that one."""
        text = outcome.texts[index]
        for delta in deltas(text.message):
            yield self.delta(place, delta)
        kept = logprobs(text, outcome.question)
        if kept:
            yield self.delta(place, {}, logprobs=kept)
        told = metadata(outcome)
        yield self.delta(
            place, {"tts_metadata": told}, finish_reason=finish_reason(text), tts_metadata=told
        )


def deltas(message: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """A finished message in pieces."""
    for name in ("reasoning_content", "content", "refusal"):
        for piece in pieces(message.get(name) or ""):
            yield {name: piece}
    for place, call in enumerate(message.get("tool_calls") or ()):
        yield {"tool_calls": [{"index": place, **call}]}


def pieces(text: str) -> Iterable[str]:
    """The text in pieces of a few words."""
    return (text[at : at + PIECE_CHARACTERS] for at in range(0, len(text), PIECE_CHARACTERS))


def failure(error: ChorusError) -> str:
    """An error after the start, as SDKs expect it in a stream."""
    return f"data: {json.dumps(body_of(error))}\n\n"
