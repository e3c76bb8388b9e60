"""A stream read without owning it: chunks in, a trace out."""

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tts_core.answers import read_answer, read_tool_calls, satisfies, schema_of
from tts_core.confidence import GroupWindow, group_confidences, token_confidence, trace_confidence
from tts_core.deltas import ToolCalls, merge
from tts_core.model import Answer, Confidence, Finish, Sampling, Usage

DEFAULT_WINDOW_TOKENS = 2048
MISFIT = "Its JSON does not satisfy the schema of response_format."
UNCHECKED = "The schema of response_format takes too long to check; answers were not held to it."


@dataclass(slots=True)
class Chunk:
    """One piece of a stream. `top_logprobs` has one list of nats per token, `entries` the same
    tokens as they came, `finish` the upstream's own word, `rare` further fields of the delta. `below`: the
    upstream has stopped the trace by its confidence."""

    text: str = ""
    reasoning: str = ""
    tool_calls: Sequence[Mapping[str, Any]] = ()
    top_logprobs: Sequence[Sequence[float]] = ()
    entries: Sequence[Any] = ()
    finish: str | None = None
    usage: Usage | None = None
    refusal: str = ""
    rare: Mapping[str, Any] | None = None
    below: bool = False


class TraceBuilder:
    """Collects one attempt's chunks; the buffers are compact because 512 of them may be open."""

    def __init__(self, sampling: Sampling) -> None:
        self.sampling = sampling
        self.pieces = bytearray()
        self.reasoning = bytearray()
        self.refusal = bytearray()
        self.confidences = array("d")
        self.entries: list[Any] = []
        self.calls = ToolCalls()
        self.rare: dict[str, Any] = {}
        self.tokens = 0
        self.texts = 0
        self.finish: str | None = None
        self.usage: Usage | None = None
        self.window = DEFAULT_WINDOW_TOKENS
        self.groups: GroupWindow | None = None
        self.below = False
        self.cut_off = False
        self.guard(sampling)

    def guard(self, sampling: Sampling) -> None:
        """Judge the trace by the group size and threshold of `sampling`, what it has said included."""
        self.window = sampling.window_tokens or DEFAULT_WINDOW_TOKENS
        if sampling.stop_below is None:
            return
        self.stop_below = sampling.stop_below
        self.groups = GroupWindow(self.window)
        self.groups.total = sum(self.confidences[-self.window :])
        if len(self.confidences) >= self.window:
            self.below = bool(group_confidences(self.confidences, self.window).min() < self.stop_below)

    def add(self, chunk: Chunk) -> None:
        """Take the next chunk."""
        if chunk.text:
            self.pieces += chunk.text.encode("utf-8", "surrogatepass")
            self.texts += 1
        if chunk.reasoning:
            self.reasoning += chunk.reasoning.encode("utf-8", "surrogatepass")
            self.texts += 1
        if chunk.refusal:
            self.refusal += chunk.refusal.encode("utf-8", "surrogatepass")
        for call in chunk.tool_calls:
            self.calls.add(call)
        if chunk.rare:
            merge(self.rare, chunk.rare)
        for top_logprobs in chunk.top_logprobs:
            self.add_token(top_logprobs)
        if self.sampling.keep_logprobs:
            self.entries.extend(chunk.entries)
        self.cut_off = self.cut_off or chunk.below
        self.finish = chunk.finish or self.finish
        self.usage = chunk.usage or self.usage

    def add_token(self, top_logprobs: Sequence[float]) -> None:
        """One token's confidence, when its log-probabilities tell one."""
        self.tokens += 1
        confidence = token_confidence(top_logprobs, self.sampling.top_logprobs)
        if confidence is None:
            return
        self.confidences.append(confidence)
        if self.groups is not None:
            group = self.groups.push(self.confidences)
            self.below = self.below or (group is not None and group < self.stop_below)

    @property
    def text(self) -> str:
        """What the trace says, from its prefill on, its reasoning left out. Some upstreams repeat the
        prefill (llama.cpp where it does not stream)."""
        said, prefill = self.pieces.decode("utf-8", "replace"), self.sampling.prefill
        return said if said.startswith(prefill) else prefill + said

    @property
    def counted_tokens(self) -> int:
        """Tokens that arrived: logprob entries, else pieces of text."""
        return self.tokens or self.texts

    def message(self) -> dict[str, Any]:
        """The assistant's message in OpenAI's shape; `refusal` is always present."""
        message: dict[str, Any] = {
            "role": "assistant",
            "content": self.text or None if self.calls.by_index or self.rare else self.text,
            "refusal": self.refusal.decode("utf-8", "replace") or None,
        }
        if self.reasoning:
            message["reasoning_content"] = self.reasoning.decode("utf-8", "replace")
        if calls := self.calls.whole():
            message["tool_calls"] = calls
        return message | self.rare

    def answer(self) -> Answer | None:
        """What the trace concluded; its tool calls when it made any."""
        if calls := self.calls.whole():
            return read_tool_calls(calls)
        complete = self.finish != Finish.LENGTH
        found = read_answer(self.text, self.sampling.answer_format, complete=complete)
        return None if self.misfit == MISFIT else found

    @cached_property
    def misfit(self) -> str:
        """How an ended trace does not fit the JSON Schema that it was asked for; "" when it does."""
        schema = schema_of(self.sampling.parameters.get("response_format"))
        if schema is None or self.calls.by_index:
            return ""
        fits = satisfies(self.text, schema)
        return UNCHECKED if fits is None else "" if fits else MISFIT

    def confidence(self) -> Confidence | None:
        """The trace's confidence; None when no token had usable log-probabilities."""
        return trace_confidence(self.confidences, self.window)
