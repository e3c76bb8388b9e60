"""/v1/batches: many requests in one file, answered when there is room for them."""

import time
from itertools import islice
from typing import Any

from flask import Blueprint, Response, current_app, g, jsonify

from app.asking import allowance, asker
from app.batches.library import Library
from app.batches.objects import batch_object
from app.batches.reading import Reader
from app.capabilities import check_needs
from app.paging import asked_page, listing
from app.routes.chat import read_json
from app.routes.models import check_model
from app.schemas.batches import BatchSchema
from app.schemas.jobs import load
from app.webhooks import FIELD, chosen, webhook_of
from tts_core.errors import Conflict, InvalidRequest, JobGone, UnknownJob
from workers.answering import answering
from workers.batch import PREFIX, Batch, End, State
from workers.files import File, lines
from workers.settings import BATCH_WINDOW_S

RETRIED_S = 600

blueprint = Blueprint("batches", __name__)


@blueprint.post("/v1/batches")
@answering()
def create() -> Response:
    """Check a file and begin to work on it; one that cannot be used makes a batch that has failed."""
    body, who = load(BatchSchema(), read_json()), asker()
    webhook = chosen(body.get(FIELD))
    client = library().client
    reader = Reader(
        client.settings,
        body["endpoint"],
        lambda name, parameter: check_model(name, client, parameter),
        lambda request, may_probe: check_needs(request, client, may_probe=may_probe),
    )
    number, _ = client.named(who)
    batch_id = PREFIX + number
    if library().batches.owner(batch_id) is None:
        file = input_file(body["input_file_id"])
        reader.read(lines(library().files.content(file.id)))
        entries = () if reader.problems else reader.entries
        library().add(batch_of(batch_id, {**body, FIELD: webhook}, reader), entries, allowance())
        client.jobs.ask(who.owner, who.body, number, RETRIED_S)
    return jsonify(told(own(batch_id)))


def batch_of(batch_id: str, body: dict[str, Any], reader: Reader) -> Batch:
    """A batch as it is handed in."""
    now_s = time.time()
    keep_s = library().client.settings.job_ttl_s
    expiry = body.get("output_expires_after", {"seconds": keep_s})
    return Batch(
        id=batch_id,
        owner=g.owner,
        input_file_id=body["input_file_id"],
        endpoint=body["endpoint"],
        created_s=now_s,
        expires_s=now_s + BATCH_WINDOW_S,
        keep_s=min(expiry["seconds"], keep_s),
        total=0 if reader.problems else len(reader.entries),
        metadata=body.get("metadata"),
        problems=tuple(reader.problems),
        webhook=body[FIELD],
    )


def input_file(file_id: str) -> File:
    """An uploaded file. Raises UnknownJob, JobGone; InvalidRequest for the file of another batch."""
    try:
        found = library().find(file_id, g.owner)
    except UnknownJob as error:
        raise type(error)(error.message, code=error.code, param="input_file_id") from error
    if not isinstance(found, File):
        raise InvalidRequest("Not an uploaded file of the purpose 'batch'.", param="input_file_id")
    return found


@blueprint.get("/v1/batches")
@answering()
def index() -> Response:
    """List the caller's batches, newest first."""
    asked = asked_page()
    try:
        found = list(islice(library().batches.listed(g.owner, asked["after"]), asked["limit"] + 1))
    except KeyError as error:
        raise unknown(asked["after"], "after") from error
    page = [told(state) for state in found[: asked["limit"]]]
    return jsonify(listing(page, more=len(found) > len(page)))


@blueprint.get("/v1/batches/<batch_id>")
@answering()
def show(batch_id: str) -> Response:
    """Show a batch."""
    return jsonify(told(own(batch_id)))


@blueprint.post("/v1/batches/<batch_id>/cancel")
@answering()
def cancel(batch_id: str) -> Response:
    """Stop a batch: what is finished is kept, what has not begun is not paid for."""
    state = own(batch_id)
    if state.batch.problems or state.end in (End.COMPLETED, End.EXPIRED):
        raise Conflict("The batch has ended and cannot be cancelled any more.", code="batch_ended")
    library().batches.cancel(batch_id, time.time())
    return jsonify(told(own(batch_id)))


def told(state: State) -> dict[str, Any]:
    """A batch, and for one whose end is to be told of what became of that."""
    endpoint = state.batch.webhook
    found = webhook_of(endpoint, library().batches.deliveries.seen(state.batch.id, endpoint))
    return {**batch_object(state), FIELD: found} if found else batch_object(state)


def own(batch_id: str) -> State:
    """A batch of the caller's. Raises UnknownJob, or JobGone when its time is over."""
    if not batch_id.startswith(PREFIX) or library().batches.owner(batch_id) != g.owner:
        raise unknown(batch_id)
    state = library().batches.state(batch_id)
    if state is None:
        raise JobGone(f"The time of the batch {batch_id!r} is over.", code="batch_gone")
    return state


def unknown(batch_id: str, param: str | None = None) -> UnknownJob:
    """There is no such batch for this caller."""
    return UnknownJob(f"There is no batch {batch_id[:80]!r}.", code="batch_not_found", param=param)


def library() -> Library:
    """All files and batches."""
    found: Library = current_app.extensions["library"]
    return found
