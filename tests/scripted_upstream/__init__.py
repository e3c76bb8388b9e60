"""An OpenAI-compatible upstream that does what a test tells it: real sockets, scripted answers."""

from scripted_upstream.completion import PROMPT_TOKENS, split_tokens
from scripted_upstream.exchange import Call, Reply
from scripted_upstream.replies import (
    choices,
    cut,
    drop,
    error,
    garbage,
    going_on,
    hang,
    raw,
    reasoning,
    text,
    tool_calls,
)
from scripted_upstream.server import ScriptedUpstream

__all__ = [
    "PROMPT_TOKENS",
    "Call",
    "Reply",
    "ScriptedUpstream",
    "choices",
    "cut",
    "drop",
    "error",
    "garbage",
    "going_on",
    "hang",
    "raw",
    "reasoning",
    "split_tokens",
    "text",
    "tool_calls",
]
