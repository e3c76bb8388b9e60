"""POST /v1/chat/completions: submit a run, wait for its ending, answer."""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from flask import Blueprint, Response, current_app, jsonify, request
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

from app.asking import asker
from app.attending import Attended
from app.errors import answer
from app.progress import Progress
from app.questions import find_strategy, read_question
from app.render import completion
from app.routes.models import check_models
from app.schemas.chat import load_chat
from app.sse import HEARTBEAT, Chunks, failure
from tts_core.errors import ChorusError, InvalidRequest, UnknownStrategy
from workers.client import Client
from workers.records import Ending, Source

MOST_NESTED = 64
CLIENT_CLOSED_REQUEST = 499

blueprint = Blueprint("chat", __name__)


@blueprint.post("/v1/chat/completions")
@blueprint.post("/v1/<strategy>/chat/completions")
def create(strategy: str | None = None) -> Response:
    """Create a chat completion from many traces."""
    if strategy is not None:
        check_strategy(strategy)
    question = read_question(load_chat(read_json()), strategy, current_app.config["SETTINGS"])
    client: Client = current_app.extensions["chorus"]
    check_models(question.request, client)
    handed = client.ask(question.request, asker(), source=Source.CHAT, shown=question.shown)
    run = Attended(client, handed, question, request.environ)
    try:
        response = streamed(run) if question.stream else waited(run)
    except Exception:
        run.leave(failed=True)
        raise
    response.call_on_close(run.leave)
    return response


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
    body = request.get_data()
    if len(body) >= current_app.config["MAX_CONTENT_LENGTH"]:  # chunked bodies are cut there in silence
        raise RequestEntityTooLarge
    try:
        decoded = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"The body is not valid JSON: {error}", code="invalid_json") from error
    if nested_deeper(decoded, MOST_NESTED):
        raise InvalidRequest(f"The body is nested deeper than {MOST_NESTED} levels.", code="invalid_json")
    return decoded


def nested_deeper(value: Any, levels: int) -> bool:
    """Whether arrays and objects lie more than `levels` deep in each other."""
    layer = [value]
    for _ in range(levels + 1):
        layer = [item for box in layer if isinstance(box, dict | list) for item in contents(box)]
        if not layer:
            return False
    return True


def contents(box: dict[str, Any] | list[Any]) -> Iterable[Any]:
    """What an object or array holds, as far as it may hold something itself."""
    items = box.values() if isinstance(box, dict) else box
    return (item for item in items if isinstance(item, dict | list))


def waited(run: Attended) -> Response:
    """The completion as one body."""
    ending = run.wait(current_app.extensions["presence"])
    return finished(run, ending) if ending else Response(status=CLIENT_CLOSED_REQUEST)


def finished(run: Attended, ending: Ending) -> Response:
    """The completion, or what stood in its way."""
    try:
        return with_cost(jsonify(completion(run.outcome(ending))), ending)
    except ChorusError as error:
        return answer(error, paid=ending.usage.total_tokens > 0)


def with_cost(response: Response, ending: Ending) -> Response:
    """The response with what it has cost, in US dollars, where prices are known."""
    if ending.cost is not None:
        response.headers["x-chorus-cost"] = f"{ending.cost:.9g}"
    return response


def streamed(run: Attended) -> Response:
    """The completion as server-sent events."""
    response = Response(write(run), mimetype="text/event-stream")
    response.headers["Cache-Control"] = "no-cache"
    response.headers["X-Accel-Buffering"] = "no"
    return response


def write(run: Attended) -> Iterator[str]:
    """The role at once, then heartbeats and what is told meanwhile, then the answer or the error."""
    chunks = Chunks(run.run_id, run.created, run.question)
    relay = run.question.request.sampling.relay
    yield chunks.opening()
    try:
        if relay or run.question.progress:
            yield from told(run, chunks)
        for ending in run.endings():
            if ending is None:
                yield HEARTBEAT
            else:
                yield from chunks.answer(run.outcome(ending), said_already=relay)
    except ChorusError as error:
        yield failure(error)


def told(run: Attended, chunks: Chunks) -> Iterator[str]:
    """What happens in the run as it happens: a relayed trace's words, the progress of all."""
    progress = Progress()
    for event in run.events():
        if event is None:
            yield HEARTBEAT
        elif event.type == "end":
            return
        elif event.type == "delta":
            yield chunks.relayed(event.data)
        elif run.question.progress and (word := progress.read(event)):
            yield from chunks.progress(word)
