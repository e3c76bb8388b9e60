"""POST /v1/chat/completions: submit a run, wait for its ending, answer."""

import time
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import msgspec
from flask import Blueprint, Response, current_app, g, jsonify, request
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

from app.errors import answer, error_of
from app.presence import client_is_gone
from app.progress import Progress
from app.questions import Question, find_strategy, read_question
from app.render import Outcome, completion, shown
from app.routes.models import check_model
from app.schemas.chat import load_chat
from app.sse import HEARTBEAT, Chunks, failure
from tts_core.errors import ChorusError, InvalidRequest, StrategyFault, UnknownStrategy
from workers.client import Client
from workers.records import Ending

CLIENT_CLOSED_REQUEST = 499
State = TypeVar("State")

blueprint = Blueprint("chat", __name__)


@blueprint.post("/v1/chat/completions")
@blueprint.post("/v1/<strategy>/chat/completions")
def create(strategy: str | None = None) -> Response:
    """Create a chat completion from many traces."""
    if strategy is not None:
        check_strategy(strategy)
    question = read_question(load_chat(read_json()), strategy, current_app.config["SETTINGS"])
    client: Client = current_app.extensions["chorus"]
    check_model(question.request.sampling.model, client)
    run_id = client.submit(question.request, request_id=g.request_id)
    return streamed(client, run_id, question) if question.stream else waited(client, run_id, question)


def check_strategy(name: str) -> None:
    """A strategy named in the URL. Raises UnknownStrategy without a parameter: the URL is wrong."""
    try:
        find_strategy(name)
    except UnknownStrategy as error:
        raise UnknownStrategy(error.message) from error


def read_json() -> Any:
    """The body as strict JSON (no NaN). Raises InvalidRequest, or UnsupportedMediaType."""
    if request.mimetype != "application/json":
        raise UnsupportedMediaType("The body must be JSON, sent with 'Content-Type: application/json'.")
    body = request.get_data(cache=False)
    if len(body) >= current_app.config["MAX_CONTENT_LENGTH"]:  # chunked bodies are cut there in silence
        raise RequestEntityTooLarge
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"The body is not valid JSON: {error}", code="invalid_json") from error


def waited(client: Client, run_id: str, question: Question) -> Response:
    """The completion as one body."""
    created = int(time.time())
    for ending in present(client, run_id, question, request.environ):
        if ending is not None:
            return finished(client, run_id, created, question, ending)
    return Response(status=CLIENT_CLOSED_REQUEST)


def present(
    client: Client, run_id: str, question: Question, environ: Mapping[str, Any]
) -> Iterator[Ending | None]:
    """Follow the run for as long as the client stays."""
    return staying(client.follow(run_id), client, run_id, question, environ)


def staying(
    states: Iterator[State], client: Client, run_id: str, question: Question, environ: Mapping[str, Any]
) -> Iterator[State]:
    """Pass on what happens until the client leaves; a run that nobody waits for is cancelled."""
    ended = False
    try:
        for state in states:
            ended = isinstance(state, Ending)
            if state is None and client_is_gone(environ):
                return
            yield state
        ended = True
    finally:
        if not ended and not question.keep:
            client.cancel(run_id)


def finished(client: Client, run_id: str, created: int, question: Question, ending: Ending) -> Response:
    """The completion, or what stood in its way."""
    try:
        return jsonify(completion(outcome_of(client, run_id, created, question, ending)))
    except ChorusError as error:
        return answer(error, paid=ending.usage.total_tokens > 0)


def outcome_of(client: Client, run_id: str, created: int, question: Question, ending: Ending) -> Outcome:
    """What is to be rendered. Raises the error that the run ended with."""
    if ending.fault or ending.vote is None:
        raise error_of(ending.fault) if ending.fault else StrategyFault("The run ended without a vote.")
    texts = client.texts(run_id, shown(question, ending, ending.vote))
    return Outcome(run_id, created, question, ending, ending.vote, texts)


def streamed(client: Client, run_id: str, question: Question) -> Response:
    """The completion as server-sent events."""
    events = write(client, run_id, question, request.environ)
    response = Response(events, mimetype="text/event-stream")
    response.headers["Cache-Control"] = "no-cache"
    response.headers["X-Accel-Buffering"] = "no"
    return response


def write(client: Client, run_id: str, question: Question, environ: Mapping[str, Any]) -> Iterator[str]:
    """The role at once, then heartbeats and what is told meanwhile, then the answer or the error."""
    created = int(time.time())
    chunks = Chunks(run_id, created, question)
    relay = question.request.sampling.relay
    yield chunks.opening()
    try:
        if relay or question.progress:
            yield from told(client, run_id, question, environ, chunks)
        for ending in present(client, run_id, question, environ):
            if ending is None:
                yield HEARTBEAT
            else:
                outcome = outcome_of(client, run_id, created, question, ending)
                yield from chunks.answer(outcome, said_already=relay)
    except ChorusError as error:
        yield failure(error)


def told(
    client: Client, run_id: str, question: Question, environ: Mapping[str, Any], chunks: Chunks
) -> Iterator[str]:
    """What happens in the run as it happens: a relayed trace's words, the progress of all."""
    progress = Progress()
    for event in staying(client.events(run_id), client, run_id, question, environ):
        if event is None:
            yield HEARTBEAT
        elif event.type == "delta":
            yield chunks.relayed(event.data)
        elif question.progress and (word := progress.read(event)):
            yield from chunks.progress(word)
