"""The model's server: SSE in, Chunks out; and the one table of what its failures mean."""

import ssl
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
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
from workers.transport import NO_HOOKS, Hooks, Transport
from workers.wire import ToldError, WireError, read_chunk, read_error

MAX_LINE_BYTES = 8 * 1024 * 1024
MESSAGE_CHARACTERS = 500
BUSY = (429, 503)


@cache
def tls() -> ssl.SSLContext:
    """One context for all: building it takes 20 ms."""
    return ssl.create_default_context(cafile=certifi.where())


def client(upstream: Upstream, timeout_s: float, hooks: Hooks = NO_HOOKS) -> httpx.Client:
    """A client for one call. Nothing is reused: some servers close a connection they promised to keep."""
    headers = {"Accept-Encoding": "identity", "User-Agent": "chorus"}
    if upstream.api_key:
        headers["Authorization"] = f"Bearer {upstream.api_key}"
    return httpx.Client(
        headers=headers,
        verify=tls(),
        trust_env=False,
        timeout=httpx.Timeout(timeout_s, connect=min(10.0, timeout_s)),
        transport=Transport(tls(), hooks),
    )


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
    except msgspec.MsgspecError as error:
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
    url, content = f"{upstream.base_url}/chat/completions", msgspec.json.encode(body)
    with (
        translated(upstream),
        client(upstream, timeout_s, hooks) as http,
        http.stream("POST", url, content=content, headers=headers) as response,
    ):
        refuse(response, upstream)
        yield chunks(response, keep=keep_logprobs)


def refuse(response: httpx.Response, upstream: Upstream) -> None:
    """Raise what an error status means."""
    if response.status_code >= 300:
        response.read()
        told = read_error(response.content)
        raise error_of(response.status_code, told, response.headers, upstream)


def status_in(told: WireError) -> int:
    """The status that an error inside a stream carries as its code, else 500."""
    code = str(told.code)
    return int(code) if code.isdecimal() else 500


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
        return max(0.0, (parsedate_to_datetime(told) - datetime.now(UTC)).total_seconds())
    except ValueError:
        return None


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
        finished = finished or chunk.finish is not None
        yield chunk
    if not finished:
        raise UpstreamUnreachable("The upstream ended its answer before the trace was finished.")


def payloads(response: httpx.Response) -> Iterator[bytes]:
    """The JSON texts of a response: the data of its events up to [DONE], or the whole body."""
    if response.headers.get("content-type", "").startswith("application/json"):
        yield response.read()
        return
    for line in lines(response.iter_raw()):
        if line.startswith(b"data:"):
            data = line[5:].strip()
            if data == b"[DONE]":
                return
            yield data


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


def list_models(upstream: Upstream, timeout_s: float) -> list[dict[str, Any]]:
    """What GET /models of the upstream lists. Raises UpstreamError."""
    with translated(upstream), client(upstream, timeout_s) as http:
        response = http.get(f"{upstream.base_url}/models")
        refuse(response, upstream)
        listed = msgspec.json.decode(response.content, type=dict[str, Any]).get("data") or []
        return [model for model in listed if isinstance(model, dict) and model.get("id")]
