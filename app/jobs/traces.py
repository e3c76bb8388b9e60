"""A trace as clients see it, outside of a completion too."""

from typing import Any

from app.questions import Question
from app.render import trace_facts, trimmed
from tts_core.model import Trace
from workers.client import Client
from workers.jobs import Job
from workers.records import Run, Text


def without_text(job: Job, trace: Trace) -> dict[str, Any]:
    """A trace that has ended; `round` is null before it is known."""
    return {
        "index": trace.index,
        "object": "trace",
        "round": round_of(job.run, trace.index),
        **trace_facts(trace),
    }


def with_text(job: Job, trace: Trace, text: Text | None) -> dict[str, Any]:
    """The same with what it said, and whether it voted: null while the job goes on."""
    message = text.message if text else {}
    vote = job.ending.vote if job.ending else None
    return {
        **without_text(job, trace),
        "text": message.get("content"),
        "reasoning": message.get("reasoning_content"),
        "tool_calls": message.get("tool_calls"),
        "voted": trace.index in vote.voters if vote else None,
    }


def round_of(run: Run, index: int) -> int | None:
    """The round that a trace belongs to."""
    found = (number for number, plan in enumerate(run.plans) if index in plan.indexes)
    return next(found, None)


def page_of(client: Client, job: Job, after: int, limit: int) -> tuple[list[dict[str, Any]], bool]:
    """The traces after an index that have ended, and whether there are more."""
    found = [trace for index, trace in sorted(job.run.traces.items()) if index > after]
    some = found[:limit]
    texts = client.texts(job.id, [trace.index for trace in some])
    return [with_text(job, trace, texts.get(trace.index)) for trace in some], len(found) > limit


def with_confidences(client: Client, job: Job, shown: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same traces with every token's confidence (nats); null where they were not kept."""
    kept = client.confidences(job.id, [trace["index"] for trace in shown])
    return [{**trace, "token_confidences": kept.get(trace["index"])} for trace in shown]


def with_logprobs(client: Client, job: Job, shown: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same traces with their log-probabilities as OpenAI has them; null where the job did not ask."""
    question = Question.of(job.submission)
    texts = client.texts(job.id, [trace["index"] for trace in shown])
    kept = {index: trimmed(text.logprobs, question) for index, text in texts.items()}
    return [{**trace, "logprobs": kept.get(trace["index"])} for trace in shown]
