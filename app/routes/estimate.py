"""POST /v1/estimate: the plan of a request, without carrying it out."""

from flask import Blueprint, Response, current_app, jsonify

from app.capabilities import known_of
from app.estimates import estimate_of
from app.questions import read_question
from app.routes.chat import check_strategy, read_json
from app.schemas.chat import load_chat

blueprint = Blueprint("estimate", __name__)


@blueprint.post("/v1/estimate")
@blueprint.post("/v1/<strategy>/estimate")
def create(strategy: str | None = None) -> Response:
    """Tell what a chat completion would ask for."""
    if strategy is not None:
        check_strategy(strategy)
    settings = current_app.config["SETTINGS"]
    question = read_question(load_chat(read_json()), strategy, settings)
    told = estimate_of(question, settings)
    client = current_app.extensions["chorus"]
    return jsonify({**told, "capabilities": known_of(question.request, told["needs"], client)})
