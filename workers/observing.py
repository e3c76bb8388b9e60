"""What else happens while a trace is read: its tokens are counted for the run, its text is passed on."""

from collections.abc import Callable

import msgspec

from tts_core.tracing import Chunk, TraceBuilder
from workers.runs import Runs
from workers.wire import raw_logprobs

TOKENS_AT_ONCE = 16


class TokenCap:
    """Counts the run's received tokens across all workers; calls `exceeded` once they are too many."""

    def __init__(self, runs: Runs, run_id: str, cap: int, exceeded: Callable[[], object]) -> None:
        self.runs = runs
        self.run_id = run_id
        self.cap = cap
        self.exceeded = exceeded
        self.counted = 0
        self.attempt: TraceBuilder | None = None

    def see(self, builder: TraceBuilder, chunk: Chunk) -> None:
        """Add what is new, a few tokens at a time; every attempt begins anew."""
        if builder is not self.attempt:
            self.attempt, self.counted = builder, 0
        new = builder.counted_tokens - self.counted
        if new < TOKENS_AT_ONCE and not chunk.finish:
            return
        self.counted += new
        if self.runs.spend(self.run_id, new) >= self.cap:
            self.exceeded()


class Relay:
    """Passes a trace on as it is read, for a client that streams it."""

    def __init__(self, runs: Runs, run_id: str) -> None:
        self.runs = runs
        self.run_id = run_id

    def see(self, builder: TraceBuilder, chunk: Chunk) -> None:  # noqa: ARG002
        """Tell what the chunk says, as OpenAI's delta."""
        said = {
            "content": chunk.text,
            "reasoning_content": chunk.reasoning,
            "refusal": chunk.refusal,
            "tool_calls": list(chunk.tool_calls),
            **(chunk.rare or {}),
        }
        delta = {name: value for name, value in said.items() if value}
        if delta or chunk.entries:
            told = {"delta": delta, "logprobs": raw_logprobs(chunk.entries) if chunk.entries else None}
            self.runs.tell(self.run_id, "delta", msgspec.json.encode(told))
