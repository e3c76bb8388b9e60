"""The table that a comparison comes to: every strategy played over the same pool."""

from collections.abc import Sequence
from typing import Any

from app.compare.reading import Row
from app.errors import body_of
from app.estimates import options_of
from app.jobs.revoting import played, unfinished
from app.render import distribution
from tts_core.errors import ChorusError
from tts_core.model import Finish, Request, Trace, Vote
from tts_core.pooling import Revote
from tts_core.strategies import strategies
from workers.client import Client
from workers.jobs import Job

SMALL = "It asks for {} traces; the pool has {}."


def table(client: Client, job: Job, rows: Sequence[Row], pool: Sequence[Trace]) -> dict[str, Any]:
    """All rows played over the job's pool."""
    return {
        "object": "compare",
        "created": int(job.submission.created_s),
        "job_id": job.id,
        "model": job.submission.shown["model"],
        "pool": {
            "traces": len(pool),
            "failed": sum(trace.finish is Finish.FAILED for trace in pool),
            "tokens": sum(trace.tokens for trace in pool),
            "warnings": list(job.ending.warnings) if job.ending else [],
        },
        "data": [shown(client, job, row, pool) for row in rows],
    }


def shown(client: Client, job: Job, row: Row, pool: Sequence[Trace]) -> dict[str, Any]:
    """One row; all but `strategy`, `options` and `error` is null in one that could not be filled."""
    if row.request is None:
        return {"strategy": row.strategy, "options": None, **EMPTY, "error": told(row.error)}
    head = {
        "strategy": row.strategy,
        "options": options_of(row.request, strategies()[row.request.strategy]),
    }
    try:
        found = played(row.request, pool)
    except ChorusError as error:
        return {**head, **EMPTY, "error": told(error)}
    said = client.texts(job.id, found.vote.winners[:1])
    content = next((text.message.get("content") for text in said.values()), None)
    return {**head, **cells(row.request, found, pool), "content": content, "error": None}


def cells(request: Request, found: Revote, pool: Sequence[Trace]) -> dict[str, Any]:
    """What a strategy made of the pool; what it would have left unsampled of its budget is saved."""
    vote, budget = found.vote, request.options.get("budget", len(found.traces))
    tokens = sum(trace.tokens for trace in found.traces)
    small = (SMALL.format(budget, len(pool)),) if budget > len(pool) else ()
    return {
        **verdict(vote),
        "traces_used": len(vote.voters),
        "tokens": tokens,
        "saved_tokens": max(0, sum(trace.tokens for trace in pool[:budget]) - tokens),
        "rounds": found.rounds,
        "stopped_by": found.why.value,
        "warnings": [*request.warnings, *small, *unfinished(found), *vote.warnings],
    }


def verdict(vote: Vote) -> dict[str, Any]:
    """The answer and how sure of it the traces are."""
    return {
        "answer": vote.weighted_answer,
        "agreement": vote.agreement,
        "confidence": vote.confidence,
        "consensus": vote.consensus,
        "answer_distribution": distribution(vote),
    }


EMPTY = dict.fromkeys(
    (
        *("answer", "agreement", "confidence", "consensus", "answer_distribution", "traces_used", "tokens"),
        *("saved_tokens", "rounds", "stopped_by", "content", "warnings"),
    )
)


def told(error: ChorusError | None) -> dict[str, Any] | None:
    """An error as a client reads it."""
    return dict(body_of(error)["error"]) if error else None
