"""A job as its owner sees it."""

from typing import Any

from app.errors import body_of, error_of
from app.jobs.asked import request_of
from app.jobs.progress import curves, progress
from app.outcomes import Record, outcome_of
from app.render import completion, usage
from app.webhooks import webhook_of
from tts_core.model import Why
from workers.accounting import total_usage
from workers.client import Client
from workers.costs import total_cost
from workers.jobs import Job
from workers.records import Ending


def job_object(client: Client, job: Job) -> dict[str, Any]:
    """The job with what it was asked, and its result, which is null until there is one."""
    shown = {**job_entry(client, job), "request": request_of(job.submission)}
    shown["progress"]["curves"] = curves(job)
    ending = job.ending
    if ending and ending.vote and not ending.fault:
        shown["result"] = completion(outcome_of(client, Record.of(job), ending))
    return shown


def job_entry(client: Client, job: Job) -> dict[str, Any]:
    """The job as a list shows it; its request and its result take texts to tell and are left null,
    and the curves of running traces are left out."""
    asked, ending = job.submission, job.ending
    completed_s = asked.created_s + ending.elapsed_s if ending else None
    return {
        "id": job.id,
        "object": "job",
        "created_at": int(asked.created_s),
        "status": status_of(job),
        "source": asked.source.value,
        "model": asked.shown["model"],
        "strategy": asked.request.strategy,
        "mode": asked.request.options.get("mode"),
        "progress": progress(job),
        "request": None,
        "result": None,
        "error": error_in(ending) if ending else None,
        "usage": usage_of(job) if ending else None,
        "metadata": asked.shown.get("metadata", {}),
        "extends": asked.extends,
        "webhook": webhook_of(asked.webhook, job.delivery),
        "completed_at": int(completed_s) if completed_s else None,
        "expires_at": int(completed_s + client.settings.job_ttl_s) if completed_s else None,
    }


def usage_of(job: Job) -> dict[str, Any]:
    """What the job has cost, traces that could not end before the vote included."""
    traces, unkept = list(job.run.traces.values()), job.run.unkept
    spent = total_usage(traces, unkept, job.run.plans)
    return usage(spent, total_cost(spent, traces, unkept))


def status_of(job: Job) -> str:
    """OpenAI's word for how far the job is."""
    if job.ending is None:
        return "in_progress" if job.held or job.run.traces else "queued"
    if job.ending.why is Why.CANCELLED:
        return "cancelled"
    return "failed" if job.ending.fault else "completed"


def error_in(ending: Ending) -> dict[str, Any] | None:
    """What a synchronous call would have been answered; a cancelled job has done what it was told."""
    if ending.fault is None or ending.why is Why.CANCELLED:
        return None
    return body_of(error_of(ending.fault))["error"]
