"""Stored traces as the domain sees them, graded, and strategies played over draws from them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from app.eval.problems import AUTO, Problem
from app.eval.storage import Asked, Pool
from app.eval.variants import Variant
from tts_core.answers import key, read_answer
from tts_core.model import Answer, Confidence, Finish, Request, Trace, Usage, Why
from tts_core.pooling import ended_s, revote
from workers.equivalence import Equivalence

WITHIN_S = 30.0


@dataclass(frozen=True, slots=True)
class Graded:
    """A problem's traces with equal answers under one key, and the key of the right answer."""

    problem: Problem
    traces: tuple[Trace, ...]
    gold: str
    uncompared: bool = False

    def is_right(self, trace: Trace) -> bool:
        """Whether a trace ended with the right answer."""
        return trace.usable and trace.answer is not None and trace.answer.key == self.gold

    @property
    def right(self) -> int:
        """How many traces did."""
        return sum(map(self.is_right, self.traces))


@dataclass(frozen=True, slots=True)
class Played:
    """What a strategy made of a draw: its tokens are those that would have been written; `parallel_s` is
    its slowest trace, round after round, `serial_s` all traces one after the other. `cost` in US dollars
    is None where a price is not known."""

    right: bool
    tokens: int
    traces: int
    parallel_s: float
    serial_s: float
    cost: float | None


@contextmanager
def comparing() -> Iterator[Equivalence]:
    """The equivalence by which Chorus votes; its processes end with the block."""
    equivalence = Equivalence(closing_s=WITHIN_S)
    try:
        yield equivalence
    finally:
        equivalence.close()


def graded(pool: Pool, asked: Asked, equivalence: Equivalence) -> Graded:
    """A stored pool with its answers read again and put into classes, the right answer among them."""
    answer_format = asked.answer_format or pool.problem.answer_format
    traces = [trace_of(told, answer_format) for told in pool.traces]
    gold = gold_key(pool.problem.gold, answer_format)
    keys = [trace.answer.key for trace in traces if trace.answer]
    found, notes = equivalence.cluster([*keys, gold], within_s=WITHIN_S)
    same = [with_key(trace, found.leaders) for trace in traces]
    return Graded(pool.problem, tuple(same), found.leaders.get(gold, gold), uncompared=bool(notes))


def with_key(trace: Trace, leaders: Mapping[str, str]) -> Trace:
    """The trace under the key of its answer's class."""
    if trace.answer is None or trace.answer.key not in leaders:
        return trace
    return replace(trace, answer=replace(trace.answer, key=leaders[trace.answer.key]))


def gold_key(gold: str, answer_format: str) -> str:
    """The key of the right answer, read as if a trace had put it into a box."""
    for way in (answer_format, AUTO):
        if found := read_answer(f"\\boxed{{{gold}}}", way):
            return found.key
    return key(gold)


def trace_of(told: Mapping[str, Any], answer_format: str) -> Trace:
    """A trace as the service told it. Where its text is kept its answer is read again."""
    finish = Finish(told["finish_reason"])
    usage = told.get("usage") or {}
    return Trace(
        index=told["index"],
        finish=finish,
        stop=Why(told["stop_reason"]) if told.get("stop_reason") else None,
        answer=answer_of(told, finish, answer_format),
        confidence=Confidence(**told["confidence"]) if told.get("confidence") else None,
        tokens=told["tokens"],
        usage=Usage(usage.get("prompt_tokens", 0), usage.get("completion_tokens", 0)),
        cost=usage.get("cost"),
        first_token_s=told.get("first_token_s"),
        elapsed_s=told["elapsed_s"],
        model=told.get("model") or "",
        token_confidences=tuple(told.get("token_confidences") or ()),
    )


def answer_of(told: Mapping[str, Any], finish: Finish, answer_format: str) -> Answer | None:
    """The answer of a trace that came to an end of its own."""
    if finish in (Finish.FAILED, Finish.STOPPED):
        return None
    if (text := told.get("text")) and not told.get("tool_calls"):
        return read_answer(text, answer_format, complete=finish is not Finish.LENGTH)
    spelling = told.get("answer")
    return Answer(gold_key(spelling, answer_format), spelling) if spelling else None


def play(variant: Variant, request: Request, drawn: Sequence[Trace], problem: Graded) -> Played:
    """Play a strategy over a draw, in its order. Raises InvalidRequest for one that asks the model
    something else."""
    anew = variant.measures_anew
    pool = [
        replace(trace, index=i, token_confidences=trace.token_confidences if anew else ())
        for i, trace in enumerate(drawn)
    ]
    found = revote(request, pool)
    winner = found.traces[found.vote.winners[0]] if found.vote.winners else None
    return Played(
        right=winner is not None and problem.is_right(winner),
        tokens=sum(trace.tokens for trace in found.traces),
        traces=len(found.traces),
        parallel_s=found.elapsed_s,
        serial_s=sum(ended_s(pool[trace.index], trace) for trace in found.traces),
        cost=cost_of(pool, found.traces),
    )


def cost_of(pool: Sequence[Trace], seen: Sequence[Trace]) -> float | None:
    """What the traces would have cost: one that was stopped the share that its tokens are."""
    total = 0.0
    for trace in seen:
        whole = pool[trace.index]
        if whole.cost is None:
            return None
        total += whole.cost * (trace.tokens / whole.tokens if whole.tokens else 1.0)
    return total
