"""OpenAI's JSON as the upstream sends it, typed: only what Chorus reads, everything optional."""

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from tts_core.model import Usage
from tts_core.tracing import Chunk

NOT_JSON = re.compile(rb"Infinity|NaN")


class TopLogprob(msgspec.Struct, gc=False):
    """One alternative of a token."""

    logprob: float | None = None


class TokenLogprobs(msgspec.Struct, gc=False):
    """One token's alternatives."""

    top_logprobs: list[TopLogprob] | None = None


class Logprobs(msgspec.Struct, gc=False):
    """The log-probabilities of a chunk or message."""

    content: list[TokenLogprobs] | None = None


class RawLogprobs(msgspec.Struct, gc=False):
    """The same, to be handed on as they came."""

    content: list[dict[str, Any]] | None = None


class Message(msgspec.Struct, gc=False):
    """A delta or a whole message. Reasoning has two names in the wild."""

    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    tool_calls: list[dict[str, Any]] | None = None
    function_call: dict[str, Any] | None = None
    annotations: list[dict[str, Any]] | None = None
    audio: dict[str, Any] | None = None
    reasoning_details: list[dict[str, Any]] | None = None


BELOW = "<gconf<"  # vLLM with DeepConf's patch: "<gconf<THRESHOLD>"
RARE = ("function_call", "annotations", "audio", "reasoning_details")


class Choice(msgspec.Struct, gc=False):
    """A choice of a chunk (`delta`) or of a completion (`message`)."""

    delta: Message | None = None
    message: Message | None = None
    finish_reason: str | None = None
    stop_reason: Any = None
    logprobs: Logprobs | None = None


class RawChoice(msgspec.Struct, gc=False):
    """The same, its log-probabilities as they came."""

    delta: Message | None = None
    message: Message | None = None
    finish_reason: str | None = None
    stop_reason: Any = None
    logprobs: RawLogprobs | None = None


class CompletionDetails(msgspec.Struct, gc=False):
    """Of the completion's tokens."""

    reasoning_tokens: float | None = None


class PromptDetails(msgspec.Struct, gc=False):
    """Of the prompt's tokens."""

    cached_tokens: float | None = None


class WireUsage(msgspec.Struct, gc=False):
    """What a call cost."""

    prompt_tokens: float | None = None
    completion_tokens: float | None = None
    total_tokens: float | None = None
    completion_tokens_details: CompletionDetails | None = None
    prompt_tokens_details: PromptDetails | None = None


class WireError(msgspec.Struct, gc=False):
    """What went wrong, in OpenAI's words or in one of the shapes others use."""

    message: str = ""
    param: str | None = None
    code: str | int | None = None
    type: str | None = None


class Body(msgspec.Struct, gc=False):
    """A chunk or a completion."""

    choices: list[Choice] | None = None
    usage: WireUsage | None = None
    error: WireError | str | None = None


class RawBody(msgspec.Struct, gc=False):
    """The same, its log-probabilities as they came."""

    choices: list[RawChoice] | None = None
    usage: WireUsage | None = None
    error: WireError | str | None = None


class NumberedChoice(msgspec.Struct, gc=False):
    """Which choice something belongs to."""

    index: Any = 0


class NumberedBody(msgspec.Struct, gc=False):
    """The choices of a chunk or a completion."""

    choices: list[NumberedChoice] | None = None


class ErrorBody(msgspec.Struct, gc=False):
    """An error's body: OpenAI's `error`, or FastAPI's and old vLLM's top-level words."""

    error: WireError | str | None = None
    message: str | None = None
    detail: Any = None


class ToldError(Exception):
    """The upstream reported an error inside a stream or under status 200."""

    def __init__(self, error: WireError) -> None:
        super().__init__(error.message)
        self.error = error


decode = msgspec.json.Decoder(Body).decode
decode_raw = msgspec.json.Decoder(RawBody).decode
decode_numbers = msgspec.json.Decoder(NumberedBody).decode
decode_error_body = msgspec.json.Decoder(ErrorBody, strict=False).decode


def read_chunk(data: bytes, *, keep: bool) -> Chunk:
    """A `data:` line, or a whole completion, as a Chunk; `keep` carries the logprobs along.

    Raises msgspec.MsgspecError for what is not OpenAI's shape, ToldError for an error inside.
    """
    body = read_body(data, decode_raw if keep else decode)
    if body.error is not None:
        raise ToldError(error_of(body.error))
    usage = usage_of(body.usage)
    if not body.choices:
        return Chunk(usage=usage)
    choice = body.choices[0]
    said = choice.delta or choice.message or Message()
    content = (choice.logprobs.content if choice.logprobs else None) or []
    return Chunk(
        text=said.content or "",
        reasoning=said.reasoning_content or said.reasoning or "",
        refusal=said.refusal or "",
        tool_calls=said.tool_calls or (),
        top_logprobs=[alternatives(token) for token in content],
        entries=content if keep else (),
        finish=choice.finish_reason,
        usage=usage,
        rare=rare_of(said),
        below=isinstance(choice.stop_reason, str) and choice.stop_reason.startswith(BELOW),
    )


def read_numbers(data: bytes) -> set[int]:
    """Which choices a `data:` line, or a whole completion, is about. Raises msgspec.MsgspecError."""
    choices = read_body(data, decode_numbers).choices or ()
    return {choice.index for choice in choices if isinstance(choice.index, int)}


def read_body(data: bytes, decoder: Callable[[bytes], Any]) -> Any:
    """The typed body. Infinity and NaN are no JSON, but some servers write them; they become null."""
    try:
        return decoder(data)
    except msgspec.DecodeError:
        if not NOT_JSON.search(data):
            raise
    try:
        return decoder(msgspec.json.encode(json.loads(data)))
    except ValueError as error:
        raise msgspec.DecodeError(str(error)) from error


def rare_of(said: Message) -> dict[str, Any] | None:
    """The fields that few models send and few clients ask for."""
    if not (said.function_call or said.annotations or said.audio or said.reasoning_details):
        return None
    return {name: value for name in RARE if (value := getattr(said, name))}


def alternatives(token: TokenLogprobs | dict[str, Any]) -> list[float]:
    """The log-probabilities (nats) of a token's alternatives."""
    if isinstance(token, dict):
        tops = token.get("top_logprobs")
        found = (
            [top.get("logprob") for top in tops if isinstance(top, dict)] if isinstance(tops, list) else []
        )
        return [value for value in found if isinstance(value, int | float)]
    return [top.logprob for top in token.top_logprobs or () if top.logprob is not None]


def usage_of(usage: WireUsage | None) -> Usage | None:
    """The upstream's account; a missing total is the sum of its parts."""
    if usage is None:
        return None
    prompt, completion = usage.prompt_tokens or 0, usage.completion_tokens or 0
    details, cached = usage.completion_tokens_details, usage.prompt_tokens_details
    return Usage(
        prompt_tokens=int(prompt),
        completion_tokens=int(completion),
        total_tokens=int(usage.total_tokens or prompt + completion),
        reasoning_tokens=int((details and details.reasoning_tokens) or 0),
        cached_tokens=int((cached and cached.cached_tokens) or 0),
    )


def error_of(error: WireError | str) -> WireError:
    """Some servers send a bare string."""
    return WireError(message=error) if isinstance(error, str) else error


def read_error(content: bytes) -> WireError:
    """What the body of an error status says; nothing when it is no JSON we know."""
    try:
        body = decode_error_body(content)
    except msgspec.MsgspecError:
        return WireError()
    if body.error is not None:
        return error_of(body.error)
    return WireError(message=body.message or first_detail(body.detail))


def first_detail(detail: Any) -> str:
    """FastAPI's `detail`: a string, or a list of findings."""
    if isinstance(detail, list) and detail and isinstance(detail[0], dict):
        detail = detail[0].get("msg")
    return detail if isinstance(detail, str) else ""


def raw_logprobs(entries: Sequence[Any]) -> dict[str, Any]:
    """Kept entries in the shape of a choice's `logprobs`."""
    return {"content": list(entries), "refusal": None}
