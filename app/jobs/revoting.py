"""Another strategy's vote over the traces of a job that has ended."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import uuid4

from app.outcomes import Record, outcome_of
from app.permits import check_strategy_permitted
from app.questions import Question, find_strategy, read_options, unused_options
from app.render import Outcome
from app.schemas.options import PREFIX
from tts_core.errors import Conflict, InvalidRequest
from tts_core.extending import asks_the_same
from tts_core.model import Limits, Request, Sampling, Trace
from tts_core.pooling import Revote, revote
from tts_core.tracing import DEFAULT_WINDOW_TOKENS
from workers.client import Client
from workers.jobs import Job
from workers.records import Ending

Body = Mapping[str, Any]
UNFINISHED = "{} of the {} stored traces did not end by themselves and cannot vote."


def revoted(client: Client, job: Job, body: Body) -> Outcome:
    """The vote of the job's traces under `body`, which names what is to differ from the job.

    Raises InvalidRequest for what stored traces cannot tell, Conflict for a job without the traces.
    """
    pool = pool_of(client, job)
    question = question_of(client, job, body, pool)
    return rendered(client, job, question, played(question.request, pool))


def played(request: Request, pool: Sequence[Trace]) -> Revote:
    """The pool's vote. Raises Conflict when too few of the traces that the strategy takes are usable."""
    found = revote(request, pool)
    needed = request.limits.min_traces
    usable = sum(trace.usable for trace in found.traces)
    if usable < needed or not found.vote.winners:
        raise Conflict(
            f"Of the traces that the strategy takes {usable} are usable; {needed} are needed.",
            code="no_usable_trace",
        )
    return found


def pool_of(client: Client, job: Job) -> list[Trace]:
    """The traces that answer the job's own question, in sampling order, with their token confidences as
    far as they were kept. Raises Conflict when the job goes on, or none of them is usable."""
    if job.ending is None:
        raise Conflict("The job goes on; wait for its end, or cancel it.", code="job_not_ended")
    own = job.submission.request.sampling
    asked = {i for plan in job.run.plans for i in plan.indexes if asks_the_same(plan.sampling(i), own)}
    traces = sorted((t for t in job.ending.traces if t.index in asked), key=lambda trace: trace.index)
    if not any(trace.usable for trace in traces):
        raise Conflict(
            "The job has no usable trace of its own question, asked of its own model.",
            code="no_usable_trace",
        )
    kept = client.confidences(job.id, [trace.index for trace in traces])
    return [replace(trace, token_confidences=kept.get(trace.index, ())) for trace in traces]


def question_of(client: Client, job: Job, body: Body, pool: list[Trace]) -> Question:
    """The job's question with what the body changes."""
    before = Question.of(job.submission)
    asked = before.request
    strategy = find_strategy(body.get("tts_strategy", asked.strategy))
    check_strategy_permitted(strategy.name)
    kept = {PREFIX + name: value for name, value in asked.options.items() if value is not None}
    options = read_options({PREFIX + "budget": len(pool), **kept, **body}, strategy, client.settings)
    request = Request(
        sampling=measured(job, body, pool, online=options.get("mode") == "online"),
        strategy=strategy.name,
        options=options,
        limits=Limits(min_traces=body.get("tts_min_traces", asked.limits.min_traces)),
        choices=body.get("n", asked.choices),
        require_logprobs=asked.require_logprobs,
        warnings=unused_options(body, strategy),
    )
    include = body.get("tts_include_traces", before.include_traces)
    return replace(before, request=request, include_traces=include, stream=False)


def measured(job: Job, body: Body, pool: list[Trace], *, online: bool) -> Sampling:
    """What the traces were sampled with, under the group size that they are to be measured by.

    Raises InvalidRequest for another one than the job's when token confidences were not kept.
    """
    sampling = job.submission.request.sampling
    vote = job.ending.vote if job.ending else None
    own = (vote and vote.window_tokens) or sampling.window_tokens or DEFAULT_WINDOW_TOKENS
    wanted = body.get("tts_window_size", own)
    if wanted == "auto" and not online:
        raise InvalidRequest("'auto' goes with tts_mode 'online'.", param="tts_window_size")
    if wanted != own and not all(t.token_confidences for t in pool if t.usable and t.confidence):
        raise InvalidRequest(
            f"The traces were measured with groups of {own} tokens, and not all of them kept what "
            "another size needs.",
            param="tts_window_size",
        )
    return replace(sampling, window_tokens=None if wanted == "auto" else wanted, relay=False)


def rendered(client: Client, job: Job, question: Question, found: Revote) -> Outcome:
    """The vote as an outcome that cost nothing."""
    ending = Ending(
        vote=found.vote,
        why=found.why,
        traces=found.traces,
        rounds=found.rounds,
        warnings=(*question.request.warnings, *unfinished(found)),
    )
    outcome = outcome_of(client, Record(job.id, int(time.time()), question), ending)
    notes = {"job_id": job.id, "revote_of": job.id}
    return replace(outcome, run_id=uuid4().hex, notes=notes)


def unfinished(found: Revote) -> tuple[str, ...]:
    """A word on traces that had been cut off, or had failed, when they were sampled."""
    count = found.unfinished
    return (UNFINISHED.format(count, len(found.traces)),) if count else ()
