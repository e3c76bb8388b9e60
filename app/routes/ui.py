"""/ui: the trace viewer's own files. They hold no data, so they need no key."""

from pathlib import Path

from flask import Blueprint, Response, send_from_directory
from werkzeug.exceptions import NotFound

FILES = Path(__file__).parent.parent / "ui"
INDEX = "index.html"
TYPES = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
}
POLICY = "; ".join(
    (
        "default-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "object-src 'none'",
    )
)

blueprint = Blueprint("ui", __name__)


@blueprint.get("/ui")
@blueprint.get("/ui/")
@blueprint.get("/ui/<path:name>")
def page(name: str = INDEX) -> Response:
    """A file of the viewer; its page for every address that is none, so that addresses can be shared."""
    suffix = Path(name).suffix
    if suffix and suffix not in TYPES:
        raise NotFound
    return sent(name if suffix else INDEX)


def sent(name: str) -> Response:
    """The file, which may load from here only, and is looked at again before it is taken from a cache."""
    response = send_from_directory(FILES, name, mimetype=TYPES[Path(name).suffix], max_age=0)
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-cache"
    return response
