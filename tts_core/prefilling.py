"""Answers that are written in several calls, each going on where the one before has ended."""

from dataclasses import replace

from tts_core.estimating import LIMITS, limit_of
from tts_core.model import Request, Sampling, Trace


def going_on(request: Request, prefill: str, most_tokens: int | None, **parameters: object) -> Sampling:
    """A call that goes on with `prefill` (nothing: begins), whose text the strategy is shown.

    `most_tokens` takes the place of the request's own limit (None: there is none); `parameters` join
    those of the request.
    """
    own = request.sampling
    limits = {name: most_tokens for name in LIMITS if name in own.parameters} or {"max_tokens": most_tokens}
    merged = {**own.parameters, **(limits if most_tokens else {}), **parameters}
    return replace(own, prefill=prefill, parameters=merged, keep_text=True)


def room_for(request: Request, tokens: int) -> int | None:
    """How many tokens the request's limit leaves an answer that has so many; None without a limit."""
    limit = limit_of(request.sampling.parameters)
    return None if limit is None else max(0, limit - tokens)


def said_more(trace: Trace, prefill: str) -> bool:
    """Whether a trace has added anything to what it was to go on with."""
    return bool(trace.text.removeprefix(prefill).strip())
