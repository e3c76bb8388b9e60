"""/v1/files: what batches read and what they come to."""

import os
from collections.abc import Iterator
from itertools import chain
from typing import Any

from flask import Blueprint, Response, current_app, g, jsonify, request
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import RequestEntityTooLarge

from app.batches.library import Library, uploaded_object
from app.paging import asked_page, listing
from app.schemas.batches import FilePageSchema, FileSchema
from app.schemas.jobs import load
from tts_core.errors import InvalidRequest
from workers.settings import Settings

FORM_BYTES = 100_000  # what a form adds to the file in it
LONGEST_NAME = 256

blueprint = Blueprint("files", __name__)


@blueprint.post("/v1/files")
def create() -> Response:
    """Upload a file. It comes in from the connection to a temporary file, not into memory."""
    settings: Settings = current_app.config["SETTINGS"]
    request.max_content_length = settings.max_file_bytes + FORM_BYTES
    form = load(FileSchema(), read_form())
    file = request.files.get("file")
    if file is None:
        raise InvalidRequest(
            "Missing required parameter: 'file'.", param="file", code="missing_required_parameter"
        )
    expiry = form.get("expires_after")
    facts = {
        "filename": (file.filename or "file")[:LONGEST_NAME],
        "purpose": form["purpose"],
        "size_bytes": checked_size(file, settings),
        **({"keep_s": expiry["seconds"]} if expiry else {}),
    }
    return jsonify(uploaded_object(library().upload(g.owner, file.stream, facts)))  # type: ignore[arg-type]


def read_form() -> dict[str, Any]:
    """The fields of the form, `expires_after[seconds]` and the like as objects. Raises InvalidRequest."""
    found: dict[str, Any] = {}
    for name, value in request.form.items():
        outer, bracket, inner = name.partition("[")
        box = found.setdefault(outer, {}) if bracket else found
        if not isinstance(box, dict):
            raise InvalidRequest(f"Invalid value for '{outer}': Given twice.", param=outer)
        box[inner.rstrip("]") if bracket else name] = value
    return found


def checked_size(file: FileStorage, settings: Settings) -> int:
    """How long an upload is, in bytes. Raises RequestEntityTooLarge."""
    size_bytes = file.stream.seek(0, os.SEEK_END)
    file.stream.seek(0)
    if size_bytes > settings.max_file_bytes:
        raise RequestEntityTooLarge(f"A file has at most {settings.max_file_bytes} bytes.")
    return size_bytes


@blueprint.get("/v1/files")
def index() -> Response:
    """List the caller's files."""
    found, more = library().page(g.owner, asked_page(FilePageSchema))
    return jsonify(listing(found, more=more))


@blueprint.get("/v1/files/<file_id>")
def show(file_id: str) -> Response:
    """Show a file."""
    return jsonify(library().shown(file_id, g.owner))


@blueprint.get("/v1/files/<file_id>/content")
def content(file_id: str) -> Response:
    """What is in a file, as it is read."""
    return Response(begun(library().content(file_id, g.owner)), mimetype="application/octet-stream")


def begun(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same, with the first piece read already: what stands in its way is still an error response."""
    return chain([next(pieces, b"")], pieces)


@blueprint.delete("/v1/files/<file_id>")
def delete(file_id: str) -> Response:
    """Delete a file."""
    library().delete(file_id, g.owner)
    return jsonify({"id": file_id, "object": "file", "deleted": True})


def library() -> Library:
    """All files."""
    found: Library = current_app.extensions["library"]
    return found
