"""/v1/responses: OpenAI's Responses, answered from many traces."""

import logging
import time
from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Response, current_app, g, jsonify, request

from app.asking import asker
from app.attending import Attended
from app.errors import answer, error_of
from app.presence import client_is_gone
from app.questions import Question
from app.responses.finding import check_background, find, is_stored
from app.responses.following import Told, endings
from app.responses.listing import input_page
from app.responses.reading import own_name, read_response
from app.responses.rendering import rendered
from app.routes.chat import CLIENT_CLOSED_REQUEST, check_strategy, read_json, with_cost
from app.routes.models import check_models
from app.schemas.responses import InputPageSchema, RetrieveSchema, loaded
from app.webhooks import FIELD, chosen
from tts_core.errors import ChorusError
from workers.client import Client
from workers.jobs import Job
from workers.records import Ending, Source

CANCELLED_S = 5.0
TICK_S = 0.2
log = logging.getLogger(__name__)

blueprint = Blueprint("responses", __name__)


@blueprint.url_value_preprocessor
def take_strategy(_: str | None, values: dict[str, Any] | None) -> None:
    """The strategy of the base URL, if it names one."""
    g.strategy = values.pop("strategy", None) if values else None


@blueprint.post("/responses")
def create() -> Response:
    """Create a response from many traces."""
    if g.strategy is not None:
        check_strategy(g.strategy)
    body = read_json()
    question = read_response(body, g.strategy, current_app.config["SETTINGS"])
    webhook = chosen(body.get(FIELD)) if question.echo["background"] else ""
    check_models(question.request, client())
    return in_background(question, webhook) if question.echo["background"] else attended(question)


@blueprint.get("/responses/<response_id>")
def show(response_id: str) -> Response:
    """Show a response, or stream its events from any of them on."""
    asked = loaded(RetrieveSchema(), request.args)
    job = find(client(), response_id, g.owner)
    if not asked["stream"]:
        return jsonify(rendered(client(), job))
    return streamed(job, endings(client(), job, request.environ), asked["starting_after"])


@blueprint.post("/responses/<response_id>/cancel")
def cancel(response_id: str) -> Response:
    """Stop a background response; what has been paid for is kept. One that has ended stays as it is."""
    job = find(client(), response_id, g.owner)
    check_background(job)
    if job.ending is None:
        client().cancel(job.id)
        wait_for_end(job)
    return jsonify(rendered(client(), find(client(), response_id, g.owner)))


@blueprint.delete("/responses/<response_id>")
def delete(response_id: str) -> Response:
    """Forget a response that has ended."""
    client().delete(find(client(), response_id, g.owner))
    return jsonify({"id": response_id, "object": "response", "deleted": True})


@blueprint.get("/responses/<response_id>/input_items")
def input_items(response_id: str) -> Response:
    """List what a response was asked."""
    asked = loaded(InputPageSchema(), request.args)
    return jsonify(input_page(find(client(), response_id, g.owner), asked))


def client() -> Client:
    """The way to the workers."""
    found: Client = current_app.extensions["chorus"]
    return found


def in_background(question: Question, webhook: str) -> Response:
    """A response that nobody has to wait for, and who is told of its end."""
    shown = question.shown
    handed = client().submit(
        question.request, asker(), source=Source.RESPONSE, shown=shown, webhook=webhook
    )
    job = client().job(handed.run_id, g.owner)
    if question.stream:
        return streamed(job, endings(client(), job, request.environ))
    return jsonify(rendered(client(), job))


def attended(question: Question) -> Response:
    """A response whose client waits for it; the run is cancelled when it goes away."""
    handed = client().ask(question.request, asker(), source=Source.RESPONSE, shown=question.shown)
    run = Attended(client(), handed, question, request.environ)
    try:
        job = client().job(run.run_id, g.owner)
        response = streamed(job, run.endings()) if question.stream else waited(run, job)
    except Exception:
        run.leave(failed=True)
        raise
    response.call_on_close(lambda: leave(run, job))
    return response


def waited(run: Attended, job: Job) -> Response:
    """The response as one body, or what stood in its way."""
    ending = run.wait(current_app.extensions["presence"])
    if ending is None:
        return Response(status=CLIENT_CLOSED_REQUEST)
    paid = ending.usage.total_tokens > 0
    if ending.fault:
        error = error_of(ending.fault)
        error.param = own_name(error.param)
        return answer(error, paid=paid)
    try:
        return with_cost(jsonify(rendered(run.client, job._replace(ending=ending))), ending)
    except ChorusError as error:
        return answer(error, paid=paid)


def leave(run: Attended, job: Job) -> None:
    """The client has its answer, or has left. What it does not want stored is forgotten once
    all who wait for it have it."""
    gone = client_is_gone(run.environ)
    run.leave()
    if is_stored(job) or gone:
        return
    try:
        run.client.forget(job.id, job.submission.owner)
    except ChorusError as error:
        log.warning("run %s could not be forgotten: %s", job.id, error.message)


def streamed(job: Job, states: Iterator[Ending | None], after: int = -1) -> Response:
    """The response as server-sent events."""
    response = Response(Told(client(), job, after).write(states), mimetype="text/event-stream")
    response.headers["Cache-Control"] = "no-cache"
    response.headers["X-Accel-Buffering"] = "no"
    return response


def wait_for_end(job: Job) -> None:
    """Wait for the end of a run that was told to stop, for as long as that may take."""
    end_s = time.monotonic() + CANCELLED_S
    for ending in endings(client(), job, request.environ, TICK_S):
        if ending or time.monotonic() > end_s:
            return
