"""The model's server: SSE in, Chunks out; and the one table of what its failures mean."""

import re
import ssl
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache, lru_cache
from math import isfinite
from typing import Any

import certifi
import httpx
import msgspec

from tts_core.errors import (
    UpstreamBusy,
    UpstreamError,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from tts_core.tracing import Chunk
from workers.settings import Upstream
from workers.telemetry import outgoing
from workers.transport import NO_HOOKS, Hooks, Transport
from workers.wire import ToldError, WireError, read_chunk, read_error

MAX_LINE_BYTES = 8 * 1024 * 1024
MAX_ERROR_BYTES = 1024 * 1024
MAX_BODY_BYTES = 64 * 1024 * 1024
MESSAGE_CHARACTERS = 500
BROKEN_OFF = ("error", "abort", "cancelled")
CONNECT_S = 10.0
BUSY = (429, 503)


@cache
def tls() -> ssl.SSLContext:
    """One context for all: building it takes 20 ms."""
    return ssl.create_default_context(cafile=certifi.where())


@contextmanager
def translated(upstream: Upstream) -> Iterator[None]:
    """httpx's exceptions as ours. A test proves that the table covers them all."""
    try:
        yield
    except httpx.ConnectTimeout as error:
        raise UpstreamUnreachable(f"The upstream {upstream.name!r} did not accept a connection.") from error
    except httpx.TimeoutException as error:
        raise UpstreamTimeout(f"The upstream {upstream.name!r} was silent for too long.") from error
    except httpx.ConnectError as error:
        raise UpstreamUnreachable(f"The upstream {upstream.name!r} cannot be reached.") from error
    except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL) as error:
        raise UpstreamUnreachable(f"The upstream {upstream.name!r} broke off its answer.") from error
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise UpstreamUnreachable(f"The upstream {upstream.name!r} sent something unreadable.") from error
    except ToldError as error:
        raise error_of(status_in(error.error), error.error, {}, upstream) from error


@contextmanager
def stream_chat(
    upstream: Upstream,
    body: Mapping[str, Any],
    *,
    timeout_s: float,
    keep_logprobs: bool = False,
    request_id: str = "",
    hooks: Hooks = NO_HOOKS,
) -> Iterator[Iterator[Chunk]]:
    """Open a streamed chat completion; leaving the block closes the connection at once.

    Raises UpstreamError.
    """
    headers = {"Content-Type": "application/json"}
    if request_id:
        headers["X-Request-Id"] = request_id
    url = url_of(upstream.base_url, "/chat/completions")
    request = httpx.Request(
        "POST", url, headers=headers, content=msgspec.json.encode(body), extensions=patience(timeout_s)
    )
    with answered(upstream, request, hooks) as response:
        yield chunks(response, keep=keep_logprobs)


def list_models(upstream: Upstream, timeout_s: float) -> list[dict[str, Any]]:
    """What GET /models of the upstream lists. Raises UpstreamError."""
    url = url_of(upstream.base_url, "/models")
    with answered(upstream, httpx.Request("GET", url, extensions=patience(timeout_s))) as response:
        listed = (
            msgspec.json.decode(bounded(response, MAX_BODY_BYTES), type=dict[str, Any]).get("data") or []
        )
        return [model for model in listed if isinstance(model, dict) and model.get("id")]


@contextmanager
def answered(
    upstream: Upstream, request: httpx.Request, hooks: Hooks = NO_HOOKS
) -> Iterator[httpx.Response]:
    """Send a request with the upstream's key; the response streams until the block is left.

    Straight to the transport: httpx's client adds cookies, redirects and 1 ms, and none is wanted.
    """
    request.headers.update({"Accept-Encoding": "identity", "User-Agent": "chorus"})
    if parent := outgoing.get():
        request.headers["traceparent"] = parent
    if upstream.api_key:
        request.headers["Authorization"] = f"Bearer {upstream.api_key}"
    with translated(upstream), closing(Transport(tls(), hooks).handle_request(request)) as response:
        response.request = request
        refuse(response, upstream)
        yield response


@lru_cache(maxsize=16)
def url_of(base_url: str, path: str) -> httpx.URL:
    """A URL, parsed once: httpx does it in Python."""
    return httpx.URL(base_url + path)


def patience(timeout_s: float) -> dict[str, Any]:
    """How long to wait for a connection and for each piece, as httpx's transports are told."""
    return {"timeout": {"connect": min(CONNECT_S, timeout_s), "read": timeout_s}}


def refuse(response: httpx.Response, upstream: Upstream) -> None:
    """Raise what an error status means."""
    if response.status_code >= 300:
        told = read_error(bounded(response, MAX_ERROR_BYTES))
        raise error_of(response.status_code, told, response.headers, upstream)


def status_in(told: WireError) -> int:
    """The status that an error inside a stream carries as its code, else 500."""
    code = str(told.code)
    return int(code) if re.fullmatch("[45][0-9][0-9]", code) else 500


def error_of(status: int, told: WireError, headers: Mapping[str, str], upstream: Upstream) -> UpstreamError:
    """An error status as one of ours. Redirects are not followed: they lead to another host."""
    message = masked(told.message, upstream)[:MESSAGE_CHARACTERS] or f"HTTP {status}"
    if status in BUSY:
        return UpstreamBusy(
            f"The upstream {upstream.name!r} is busy: {message}", retry_after_s=retry_after(headers)
        )
    if 400 <= status < 500:
        code = None if told.code is None else str(told.code)
        return UpstreamRefused(message, status=status, param=told.param, code=code)
    return UpstreamUnreachable(f"The upstream {upstream.name!r} failed ({status}): {message}")


def masked(message: str, upstream: Upstream) -> str:
    """Some servers repeat the key they refuse."""
    return message.replace(upstream.api_key, "***") if upstream.api_key else message


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from Retry-After-Ms or Retry-After (seconds or a date); None when not told."""
    if (milliseconds := number(headers.get("retry-after-ms"))) is not None:
        return milliseconds / 1000
    told = headers.get("retry-after", "")
    if (seconds := number(told)) is not None:
        return seconds
    try:
        date = parsedate_to_datetime(told)
    except ValueError:
        return None
    known = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max(0.0, (known - datetime.now(UTC)).total_seconds())


def number(told: str | None) -> float | None:
    """A number that is not negative; NaN and infinity are none."""
    try:
        value = float(told or "nan")
    except ValueError:
        return None
    return max(0.0, value) if isfinite(value) else None


def chunks(response: httpx.Response, *, keep: bool) -> Iterator[Chunk]:
    """The chunks of a response, streamed or not (some servers ignore `stream`).

    Raises UpstreamUnreachable when it ends before the trace has.
    """
    finished = False
    for data in payloads(response):
        chunk = read_chunk(data, keep=keep)
        if chunk.finish in BROKEN_OFF:
            raise UpstreamUnreachable(f"The upstream ended the trace with {chunk.finish!r}.")
        finished = finished or chunk.finish is not None
        yield chunk
    if not finished:
        raise UpstreamUnreachable("The upstream ended its answer before the trace was finished.")


def payloads(response: httpx.Response) -> Iterator[bytes]:
    """The JSON texts of a response: the data of its events up to [DONE], or the whole body."""
    if response.headers.get("content-type", "").startswith("application/json"):
        yield bounded(response, MAX_BODY_BYTES)
        return
    for line in lines(response.iter_raw()):
        if line.startswith(b"data:"):
            data = line[5:].strip()
            if data == b"[DONE]":
                return
            yield data


def bounded(response: httpx.Response, most: int) -> bytes:
    """The whole body. Raises UpstreamUnreachable when it is beyond all measure."""
    body = bytearray()
    for piece in response.iter_raw():
        body += piece
        if len(body) > most:
            raise UpstreamUnreachable("The upstream sent a body without an end.")
    return bytes(body)


def lines(raw: Iterable[bytes]) -> Iterator[bytes]:
    """Split bytes into lines. Raises UpstreamUnreachable on a line beyond all measure."""
    rest = b""
    for piece in raw:
        *whole, rest = (rest + piece).split(b"\n")
        yield from whole
        if len(rest) > MAX_LINE_BYTES:
            raise UpstreamUnreachable("The upstream sent a line without an end.")
    if rest:
        yield rest
