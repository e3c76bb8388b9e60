"""The Flask app, put together."""

import re
import time
from uuid import uuid4

from flask import Flask, Response, g, request
from flask_cors import CORS

from app import auth, errors, rates, telemetry
from app.batches.library import Library
from app.configuration import check_presets
from app.metrics import register as count_requests
from app.presence import Presence
from app.routes import (
    batches,
    chat,
    compare,
    docs,
    estimate,
    files,
    health,
    jobs,
    models,
    responses,
    strategies,
    ui,
)
from app.routes.metrics import blueprint as metrics
from workers.client import Client
from workers.logs import job_id, request_id
from workers.settings import Settings, read_settings, split

EXPOSED = [
    *("x-request-id", "openai-processing-ms", "retry-after", "x-should-retry", "location"),
    "x-chorus-cost",
    *rates.HEADERS,
]
REQUEST_ID = re.compile(r"[A-Za-z0-9_.:-]{1,128}")


def create_app(settings: Settings | None = None) -> Flask:
    """The Flask app; without `settings` those of the environment."""
    settings = settings or read_settings()
    check_presets(settings)
    app = Flask(__name__)
    app.config["SETTINGS"] = settings
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.extensions["chorus"] = Client(settings)
    app.extensions["presence"] = Presence()
    app.extensions["library"] = Library(app.extensions["chorus"])
    count_requests(app)
    telemetry.register(app)
    app.before_request(name_request)
    app.after_request(sign_response)
    errors.register(app)
    auth.register(app)
    rates.register(app)
    CORS(app, origins=list(split(settings.cors_origins)), expose_headers=EXPOSED)
    for blueprint in (chat.blueprint, models.blueprint, strategies.blueprint, health.blueprint):
        app.register_blueprint(blueprint)
    for blueprint in (estimate.blueprint, jobs.blueprint, files.blueprint, batches.blueprint):
        app.register_blueprint(blueprint)
    app.register_blueprint(compare.blueprint)
    app.register_blueprint(responses.blueprint, url_prefix="/v1")
    app.register_blueprint(responses.blueprint, url_prefix="/v1/<strategy>", name="responses_of_a_strategy")
    app.register_blueprint(metrics)
    app.register_blueprint(docs.blueprint)
    app.register_blueprint(docs.ui)
    app.register_blueprint(ui.blueprint)
    return app


def name_request() -> None:
    """Take the client's request id when it is a harmless one, else make one."""
    given = request.headers.get("x-request-id", "")
    g.request_id = given if REQUEST_ID.fullmatch(given) else f"req_{uuid4().hex}"
    request_id.set(g.request_id)
    job_id.set("")
    g.started_s = time.monotonic()


def sign_response(response: Response) -> Response:
    """Every response carries its request's id and how long it took."""
    response.headers["x-request-id"] = g.request_id
    response.headers["openai-processing-ms"] = str(round((time.monotonic() - g.started_s) * 1000))
    return response
