"""POST /v1/compare: one pool of traces, many strategies; and the same over the traces of a job."""

from typing import Any

from flask import Blueprint, Response, current_app, g, jsonify, request

from app.asking import asker
from app.attending import Attended
from app.compare.reading import Comparison, read_comparison, rows_over
from app.compare.table import table
from app.errors import answer, error_of
from app.jobs.revoting import pool_of
from app.permits import check_sampling_permitted
from app.render import usage
from app.routes.chat import CLIENT_CLOSED_REQUEST, read_json
from app.routes.models import check_models
from app.schemas.chat import load_chat
from app.schemas.compare import STRATEGIES, given_in, job_compare_schema, load_entries
from app.schemas.jobs import load
from tts_core.errors import ChorusError
from workers.client import Client
from workers.records import NOTHING, Ending, Source

blueprint = Blueprint("compare", __name__)


@blueprint.post("/v1/compare")
def create() -> Response:
    """Sample a pool of traces and play every strategy over it."""
    comparison = read_body(read_json())
    question = comparison.pool
    check_sampling_permitted(question.request)
    for row in comparison.rows:
        if row.request:
            check_models(row.request, client())
    handed = client().ask(question.request, asker(), source=Source.COMPARE, shown=question.shown)
    run = Attended(client(), handed, question, request.environ)
    try:
        response = waited(run, comparison)
    except Exception:
        run.leave(failed=True)
        raise
    response.call_on_close(run.leave)
    return response


@blueprint.post("/v1/jobs/<job_id>/compare")
def over_job(job_id: str) -> Response:
    """Play strategies over a job's traces; nothing is asked of the upstream."""
    body = load(job_compare_schema(), read_json())
    entries = given_in(body)
    job = client().job(job_id, g.owner)
    pool = pool_of(client(), job)
    shared = {name: value for name, value in body.items() if name != STRATEGIES}
    rows = rows_over(client(), job, shared, entries, pool)
    return jsonify({**table(client(), job, rows, pool), "usage": usage(NOTHING)})


def client() -> Client:
    """The way to the workers."""
    found: Client = current_app.extensions["chorus"]
    return found


def read_body(body: Any) -> Comparison:
    """The comparison that is asked for. Raises InvalidRequest."""
    asked = {k: v for k, v in body.items() if k != STRATEGIES} if isinstance(body, dict) else body
    chat = load_chat(asked)
    return read_comparison(chat, load_entries(body), client().settings)


def waited(run: Attended, comparison: Comparison) -> Response:
    """The table, once the pool is sampled."""
    ending = run.wait(current_app.extensions["presence"])
    if ending is None:
        return Response(status=CLIENT_CLOSED_REQUEST)
    try:
        return finished(run, comparison, ending)
    except ChorusError as error:
        return answer(error, paid=ending.usage.total_tokens > 0)


def finished(run: Attended, comparison: Comparison, ending: Ending) -> Response:
    """The table. Raises the error that the run ended with."""
    if ending.fault:
        raise error_of(ending.fault)
    job = client().job(run.run_id, g.owner)
    pool = pool_of(client(), job)
    shown = table(client(), job, comparison.rows, pool)
    return jsonify({**shown, "usage": usage(ending.usage)})
