"""The one table of what an upstream's failures mean."""

import httpx
import pytest

from tts_core.errors import UpstreamError, UpstreamTimeout
from workers.settings import Upstream
from workers.upstream import error_of, retry_after, translated
from workers.wire import WireError

UPSTREAM = Upstream("custom", "http://localhost/v1", "sk-secret")


def leaves(kind: type[Exception]) -> list[type[Exception]]:
    """All exceptions below `kind`."""
    return [kind, *(leaf for below in kind.__subclasses__() for leaf in leaves(below))]


EXCEPTIONS = [
    kind for base in (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL) for kind in leaves(base)
]


def raised(kind: type[Exception]) -> Exception:
    """An instance, whatever its signature."""
    try:
        return kind("boom")
    except TypeError:
        request = httpx.Request("GET", "http://localhost")
        return (
            kind("boom", request=request, response=httpx.Response(500))
            if kind is httpx.HTTPStatusError
            else kind()
        )


@pytest.mark.parametrize("kind", EXCEPTIONS, ids=lambda kind: kind.__name__)
def test_every_exception_of_httpx_is_translated(kind: type[Exception]) -> None:
    with pytest.raises(UpstreamError), translated(UPSTREAM):
        raise raised(kind)


def test_silence_is_a_timeout() -> None:
    with pytest.raises(UpstreamTimeout), translated(UPSTREAM):
        raise httpx.ReadTimeout("")


def test_a_key_that_the_upstream_repeats_is_masked() -> None:
    told = WireError(message="Incorrect API key provided: sk-secret.")
    assert "sk-secret" not in error_of(401, told, {}, UPSTREAM).message


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": "-4"}, 0.0),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds
