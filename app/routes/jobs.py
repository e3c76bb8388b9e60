"""/v1/jobs: runs that nobody has to wait for."""

import time
from math import ceil
from typing import Any

from flask import Blueprint, Response, current_app, g, jsonify, request, url_for

from app.asking import asker
from app.jobs.events import START, Told, checked_id
from app.jobs.extending import extension_of
from app.jobs.objects import job_entry, job_object
from app.jobs.revoting import revoted
from app.jobs.traces import page_of, with_confidences, with_logprobs
from app.paging import asked_page, listing
from app.questions import Question, read_question
from app.render import completion
from app.routes.chat import read_json
from app.routes.models import check_models
from app.schemas.chat import load_chat
from app.schemas.jobs import ExtendSchema, TracePageSchema, load, revote_schema
from app.webhooks import FIELD, chosen, taken_out
from workers.client import Client
from workers.jobs import Job
from workers.records import Source

SOON_S = 2.0
TICK_S = 0.2
LONGEST_PAUSE_S = 30

blueprint = Blueprint("jobs", __name__)


@blueprint.post("/v1/jobs")
def create() -> Response:
    """Hand in a job."""
    body, webhook = taken_out(read_json())
    question = read_question(load_chat(body), None, current_app.config["SETTINGS"])
    check_models(question.request, client())
    return handed_in(question, webhook=webhook)


@blueprint.get("/v1/jobs")
def index() -> Response:
    """List the caller's jobs, newest first."""
    asked = asked_page()
    found, more = client().page(g.owner, asked["after"], asked["limit"])
    return jsonify(listing([job_entry(client(), job) for job in found], more=more))


@blueprint.get("/v1/jobs/<job_id>")
def show(job_id: str) -> Response:
    """Show a job, with its result once it has one."""
    return told(own(job_id))


@blueprint.post("/v1/jobs/<job_id>/cancel")
def cancel(job_id: str) -> Response:
    """Stop a job; what has been paid for is kept. One that has ended stays as it is."""
    if own(job_id).ending is None:
        client().cancel(job_id)
        wait_for_end(job_id)
    return told(own(job_id))


@blueprint.delete("/v1/jobs/<job_id>")
def delete(job_id: str) -> Response:
    """Forget a job that has ended, and its traces."""
    client().delete(own(job_id))
    return jsonify({"id": job_id, "object": "job.deleted", "deleted": True})


@blueprint.get("/v1/jobs/<job_id>/traces")
def traces(job_id: str) -> Response:
    """List a job's traces that have ended, by index."""
    asked = asked_page(TracePageSchema)
    job = own(job_id)
    found, more = page_of(client(), job, asked["after"], asked["limit"])
    shown = with_confidences(client(), job, found) if asked["confidences"] else found
    shown = with_logprobs(client(), job, shown) if asked["logprobs"] else shown
    return jsonify(listing(shown, more=more, key="index"))


@blueprint.get("/v1/jobs/<job_id>/events")
def events(job_id: str) -> Response:
    """Tell what happens in a job as server-sent events."""
    header, parameter = request.headers.get("last-event-id"), request.args.get("after")
    after = checked_id(header or parameter or START, "Last-Event-ID" if header else "after")
    stream = Told(client(), own(job_id), after)
    if stream.is_over():
        return Response(status=204)  # which keeps a browser's EventSource from connecting again
    response = Response(stream.write(request.environ), mimetype="text/event-stream")
    response.headers["Cache-Control"] = "no-cache"
    response.headers["X-Accel-Buffering"] = "no"
    return response


@blueprint.post("/v1/jobs/<job_id>/revote")
def revote(job_id: str) -> Response:
    """Have the job's traces vote in another way; nothing is asked of the upstream."""
    return jsonify(completion(revoted(client(), own(job_id), load(revote_schema(), read_json()))))


@blueprint.post("/v1/jobs/<job_id>/extend")
def extend(job_id: str) -> Response:
    """Go on where a job has ended, with more traces: a new job that takes over those there are."""
    more = load(ExtendSchema(), read_json())
    webhook = chosen(more.get(FIELD))
    question = extension_of(own(job_id), more["traces"], current_app.config["SETTINGS"])
    return handed_in(question, extends=job_id, webhook=webhook)


def client() -> Client:
    """The way to the workers."""
    found: Client = current_app.extensions["chorus"]
    return found


def own(job_id: str) -> Job:
    """One of the caller's jobs. Raises UnknownJob, JobGone."""
    return client().job(job_id, g.owner)


def handed_in(question: Question, **more: Any) -> Response:
    """A job that was handed in, now or before under the same Idempotency-Key."""
    handed = client().submit(question.request, asker(), source=Source.JOB, shown=question.shown, **more)
    response = told(own(handed.run_id))
    response.status_code = 202
    response.headers["Location"] = url_for(".show", job_id=handed.run_id)
    return response


def told(job: Job) -> Response:
    """The job, and when to look again while it goes on."""
    shown = job_object(client(), job)
    response = jsonify(shown)
    if job.ending is None:
        left_s = shown["progress"]["eta_s"] or 1
        response.headers["Retry-After"] = str(min(LONGEST_PAUSE_S, max(1, ceil(left_s))))
    return response


def wait_for_end(job_id: str) -> None:
    """Wait for the end of a job that was told to stop, for as long as that may take."""
    end_s = time.monotonic() + SOON_S
    for event in client().events(job_id, tick_s=TICK_S):
        if time.monotonic() > end_s or (event and event.type == "end"):
            return
