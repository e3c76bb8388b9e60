"""A run as OpenAI's stream of chunks."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from app.errors import body_of
from app.progress import line_of
from app.questions import Question
from app.render import Outcome, finish_reason, metadata, trimmed, usage
from tts_core.errors import ChorusError

HEARTBEAT = ": keep-alive\n\n"
DONE = "data: [DONE]\n\n"
PIECE_CHARACTERS = 48
SPOKEN = frozenset({"role", "reasoning_content", "content", "refusal", "tool_calls"})


class Chunks:
    """Writes the chunks of one completion, which share id, time and model."""

    def __init__(self, run_id: str, created: int, question: Question) -> None:
        self.head = {
            "id": f"chatcmpl-{run_id}",
            "object": "chat.completion.chunk",
            "created": created,
            "model": question.model,
        }
        self.nulls = {"usage": None} if question.include_usage else {}
        self.question = question

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

    def relayed(self, data: bytes) -> str:
        """A piece of a trace that is passed on as it is read."""
        piece = json.loads(data)
        return self.delta(0, piece["delta"], logprobs=trimmed(piece["logprobs"], self.question))

    def progress(self, word: Mapping[str, Any]) -> Iterator[str]:
        """A word on the run: for programs, and as a thought for chat UIs."""
        yield self.delta(0, {"tts": word})
        yield self.delta(0, {"reasoning_content": line_of(word)})

    def answer(self, outcome: Outcome, *, said_already: bool = False) -> Iterator[str]:
        """The winners' texts unless they were relayed, their ends, the usage, [DONE]."""
        for place, index in enumerate(outcome.winners):
            if place:
                yield self.opening(place)
            if not said_already:
                yield from self.text(outcome, place, index)
            yield self.ending(outcome, place, index)
        if self.question.include_usage:
            yield self.event([], usage=usage(outcome.ending.usage, outcome.ending.cost))
        yield DONE

    def text(self, outcome: Outcome, place: int, index: int) -> Iterator[str]:
        """What a winner says."""
        text = outcome.texts[index]
        for delta in deltas(text.message):
            yield self.delta(place, delta)
        if kept := trimmed(text.logprobs, outcome.question):
            yield self.delta(place, {}, logprobs=kept)

    def ending(self, outcome: Outcome, place: int, index: int) -> str:
        """A winner's end; the metadata rides on the choice and once on the delta, because the SDK's
        accumulating helper keeps only that one."""
        reason, word = finish_reason(outcome.texts[index]), metadata(outcome)
        return self.delta(place, {"tts_metadata": word}, finish_reason=reason, tts_metadata=word)


def deltas(message: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """A finished message in pieces."""
    for name in ("reasoning_content", "content", "refusal"):
        for piece in pieces(message.get(name) or ""):
            yield {name: piece}
    for place, call in enumerate(message.get("tool_calls") or ()):
        yield {"tool_calls": [{"index": place, **call}]}
    if rare := {name: value for name, value in message.items() if name not in SPOKEN and value}:
        yield rare


def pieces(text: str) -> Iterable[str]:
    """The text in pieces of a few words."""
    return (text[at : at + PIECE_CHARACTERS] for at in range(0, len(text), PIECE_CHARACTERS))


def failure(error: ChorusError) -> str:
    """An error after the start, as SDKs expect it in a stream."""
    return f"data: {json.dumps(body_of(error))}\n\n"
