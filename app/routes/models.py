"""GET /v1/models: the upstream's list, the default model, the presets, and each model under every
strategy and preset."""

import time
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, current_app, jsonify

from app.asking import allowance
from app.capabilities import capabilities_of, check_needs
from app.permits import check_permitted, may_use
from app.presets import presets, unfold
from app.questions import models_of, split_model
from tts_core.errors import UnknownModel, UpstreamError
from tts_core.model import Request
from tts_core.strategies import strategies
from workers.client import Client
from workers.settings import Settings

blueprint = Blueprint("models", __name__)
STARTED = int(time.time())


@blueprint.get("/v1/models")
@blueprint.get("/v1/<strategy>/models")
def index(strategy: str | None = None) -> Response:  # noqa: ARG001 - the same list under every base URL
    """List the models that the caller may use."""
    client: Client = current_app.extensions["chorus"]
    plain, bundles = listed(client), bundles_of(client.settings)
    qualified = [
        {**model, "id": f"{model['id']}@{suffix}"}
        for model in plain
        for suffix, fields in bundles.items()
        if may_use(fields, model["id"])
    ]
    taken = {model["id"] for model in plain}
    default = client.settings.default_model
    bare = [
        preset_alone(name)
        for name, preset in presets(client.settings).items()
        if name not in taken and may_use(preset.fields, preset.model or default)
    ]
    return jsonify({"object": "list", "data": plain + bare + qualified})


@blueprint.get("/v1/models/<path:name>")
@blueprint.get("/v1/<strategy>/models/<path:name>")
def show(name: str, strategy: str | None = None) -> Response:  # noqa: ARG001 - as above
    """Show one model, also with the suffix of a strategy or a preset, or a preset by itself."""
    client: Client = current_app.extensions["chorus"]
    plain, fields = split_model(name, client.settings)
    if not may_use(fields, plain):
        raise unknown(plain)
    _, preset = unfold(name, client.settings)
    more: dict[str, Any] = {"preset": preset.told(plain)} if preset else {}
    if preset and preset.name == name:
        return jsonify({**preset_alone(name), **more})
    for model in listed(client):
        if model["id"] == plain:
            more["capabilities"] = capabilities_of(plain, client)
            return jsonify({**model, "id": name, **more})
    raise unknown(plain)


def bundles_of(settings: Settings) -> dict[str, Mapping[str, Any]]:
    """What may stand behind the @ of a model's name, and the fields that it stands for."""
    plain = {name: {"tts_strategy": name} for name in strategies()}
    return {**plain, **{name: preset.fields for name, preset in presets(settings).items()}}


def preset_alone(name: str) -> dict[str, Any]:
    """A preset as a model."""
    return {"id": name, "object": "model", "created": STARTED, "owned_by": "chorus"}


def listed(client: Client) -> list[dict[str, Any]]:
    """The models that the caller may use, in OpenAI's shape.

    Raises UpstreamError when only the upstream could tell.
    """
    default = {"id": client.settings.default_model, "created": STARTED}
    found = [default, *client.listing.everything()]
    allowed = {model["id"]: model for model in found if allowance().has_model(model["id"])}
    return [described(model) for model in allowed.values()]


def described(model: dict[str, Any]) -> dict[str, Any]:
    """One model with all four keys of OpenAI's, and what else the upstream tells of it."""
    owner = model["id"].partition("/")[0] if "/" in model["id"] else "upstream"
    known = {"object": "model", "created": STARTED, "owned_by": owner}
    return {**known, **model, "object": "model"}


def check_models(request: Request, client: Client) -> None:
    """Refuse a request for a model that the upstream does not list, or whose strategy needs what the
    model does not give, before anything is paid.

    Raises UnknownModel, InvalidRequest.
    """
    check_permitted(request)
    for name, parameter in models_of(request).items():
        check_model(name, client, parameter)
    check_needs(request, client)


def check_model(name: str, client: Client, parameter: str = "model") -> None:
    """Refuse a model that the upstream does not list. Raises UnknownModel.

    An upstream without a list decides for itself.
    """
    settings: Settings = client.settings
    if not settings.check_models or name == settings.default_model:
        return
    try:
        is_known = client.listing.knows(name)
    except UpstreamError:
        return
    if not is_known:
        raise unknown(name, parameter)


def unknown(name: str, parameter: str = "model") -> UnknownModel:
    """OpenAI's words."""
    return UnknownModel(f"The model {name[:200]!r} does not exist; see GET /v1/models.", param=parameter)
