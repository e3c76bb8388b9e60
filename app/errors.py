"""Exceptions to statuses and OpenAI's error object: one table, for every route."""

import logging
from collections.abc import Mapping
from math import ceil
from typing import Any, NamedTuple

from flask import Flask, Response, g, jsonify
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import HTTPException

from tts_core import errors
from tts_core.errors import ChorusError, InvalidRequest, QuotaExceeded, UpstreamRefused
from tts_core.model import Fault

log = logging.getLogger(__name__)


Body = dict[str, dict[str, str | None]]


class TooSlow(ParseException):
    """A body comes too slowly to be waited for."""


class Meaning(NamedTuple):
    """What a client is told."""

    status: int
    type: str


TABLE: Mapping[type[ChorusError], Meaning] = {
    errors.UnknownModel: Meaning(404, "invalid_request_error"),
    errors.JobGone: Meaning(410, "invalid_request_error"),
    errors.UnknownJob: Meaning(404, "invalid_request_error"),
    errors.KeyReused: Meaning(422, "invalid_request_error"),
    errors.Conflict: Meaning(409, "invalid_request_error"),
    errors.PermissionDenied: Meaning(403, "invalid_request_error"),
    errors.InvalidRequest: Meaning(400, "invalid_request_error"),
    errors.TokensLimited: Meaning(429, "tokens"),
    errors.RateLimited: Meaning(429, "requests"),
    errors.QuotaExceeded: Meaning(429, "insufficient_quota"),
    errors.ShareTaken: Meaning(429, "rate_limit_error"),
    errors.UpstreamBusy: Meaning(429, "rate_limit_error"),
    errors.UpstreamTimeout: Meaning(504, "server_error"),
    errors.UpstreamDown: Meaning(503, "service_unavailable_error"),
    errors.UpstreamUnreachable: Meaning(502, "server_error"),
    errors.UpstreamError: Meaning(502, "server_error"),
    errors.DeadlinePassed: Meaning(504, "server_error"),
    errors.NoAnswer: Meaning(502, "server_error"),
    errors.Overloaded: Meaning(503, "service_unavailable_error"),
    errors.ChorusError: Meaning(500, "server_error"),
}

REFUSED: Mapping[int, Meaning] = {
    400: Meaning(400, "invalid_request_error"),
    404: Meaning(404, "invalid_request_error"),
    408: Meaning(504, "server_error"),
    413: Meaning(413, "invalid_request_error"),
    415: Meaning(400, "invalid_request_error"),
    422: Meaning(400, "invalid_request_error"),
}

CODES: Mapping[int, str] = {
    404: "unknown_url",
    405: "method_not_allowed",
    413: "request_too_large",
    415: "unsupported_media_type",
}


def meaning_of(error: ChorusError) -> Meaning:
    """The status and type of an error. A refused server-side key is our 502, never the client's 401."""
    if isinstance(error, UpstreamRefused):
        return REFUSED.get(error.status, Meaning(502, "server_error"))
    if isinstance(error, errors.UnknownStrategy) and error.param is None:
        return Meaning(404, "invalid_request_error")
    return next(TABLE[kind] for kind in type(error).__mro__ if kind in TABLE)


def body_of(error: ChorusError) -> Body:
    """OpenAI's error object, all four keys present."""
    return shape(public_message(error), meaning_of(error).type, error.param, public_code(error))


def shape(message: str, kind: str, param: str | None, code: str | None) -> Body:
    """OpenAI's error object."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def public_message(error: ChorusError) -> str:
    """What the client reads; an upstream's view of our key is none of its business."""
    if isinstance(error, UpstreamRefused) and error.status in (401, 402, 403):
        return f"The upstream refused the service's own credentials ({error.status}); tell its operator."
    return error.message


def public_code(error: ChorusError) -> str | None:
    """The upstream's own code where its meaning is handed on."""
    if not isinstance(error, UpstreamRefused):
        return error.code
    if error.status == 404:
        return "model_not_found"
    return error.code if error.status in REFUSED else "upstream_refused"


def error_of(fault: Fault) -> ChorusError:
    """A kept failure as the exception it was."""
    kind: type[ChorusError] = getattr(errors, fault.error)
    context: dict[str, Any] = {"status": fault.status} if kind is UpstreamRefused else {}
    context |= {"param": fault.param, "code": fault.code, "retry_after_s": fault.retry_after_s}
    return kind(fault.message, **context)


def answer(error: ChorusError, *, paid: bool = False) -> Response:
    """The error as a response. SDKs are told not to try again when tokens were spent (`paid`), or when
    nothing more may be."""
    response = jsonify(body_of(error))
    response.status_code = meaning_of(error).status
    if error.retry_after_s is not None:
        response.headers["Retry-After"] = str(ceil(error.retry_after_s))
    if paid or isinstance(error, QuotaExceeded):
        response.headers["x-should-retry"] = "false"
    return response


def answer_http(error: HTTPException) -> Response:
    """Werkzeug's own errors (unknown route, wrong method, too large, ...) in OpenAI's shape."""
    status = error.code or 500
    kind = "invalid_request_error" if status < 500 else "server_error"
    response = jsonify(shape(error.description or error.name, kind, None, CODES.get(status)))
    response.status_code = status
    if allowed := getattr(error, "valid_methods", None):
        response.headers["Allow"] = ", ".join(allowed)
    return response


def answer_broken(_: ParseException) -> Response:
    """A body whose chunks are none: found out as it is read, after the headers were understood."""
    return answer(InvalidRequest("The request's body is not valid HTTP.", code="invalid_http"))


def answer_slow(_: TooSlow) -> Response:
    """A large body whose rest did not come."""
    message = "The request's body took too long to arrive."
    response = jsonify(shape(message, "invalid_request_error", None, "request_timeout"))
    response.status_code = 408
    return response


def answer_bug(error: Exception) -> Response:
    """A defect of ours: told in the log, not to the client."""
    log.exception("unexpected %s in request %s", type(error).__name__, g.get("request_id"))
    response = jsonify(shape("The service had an internal error.", "server_error", None, "internal_error"))
    response.status_code = 500
    return response


def register(app: Flask) -> None:
    """Have every error of the app answered in OpenAI's shape."""
    app.register_error_handler(ChorusError, answer)
    app.register_error_handler(HTTPException, answer_http)
    app.register_error_handler(ParseException, answer_broken)
    app.register_error_handler(TooSlow, answer_slow)
    app.register_error_handler(Exception, answer_bug)
