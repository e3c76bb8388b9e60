"""GET /openapi.json, and /docs: Swagger UI from the package, without a CDN."""

from flask import Blueprint, Response, current_app, jsonify
from flask_swagger_ui import get_swaggerui_blueprint

from app.openapi import describe

blueprint = Blueprint("docs", __name__)
ui = get_swaggerui_blueprint("/docs", "/openapi.json", config={"app_name": "Chorus", "validatorUrl": None})


@blueprint.get("/openapi.json")
def openapi() -> Response:
    """The API in OpenAPI 3.1."""
    return jsonify(describe(current_app.config["SETTINGS"]))
