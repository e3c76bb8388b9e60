"""What `chorus doctor` says of webhooks."""

import socket
from collections.abc import Iterator

from app.doctor import Finding
from workers.delivering import names_loopback
from workers.endpoints import Origin, origin_of, read_endpoints
from workers.settings import Settings


def diagnosed(settings: Settings) -> Iterator[Finding]:
    """Whether events can go out, and go out safely; their form was checked before any command began."""
    known = read_endpoints(settings)
    origins = sorted({*known.origins, *filter(None, map(origin_of, known.urls.values()))})
    if not origins:
        yield Finding("webhooks", "ok", "none: clients cannot ask for any")
        return
    names, places = (
        ", ".join(known.urls) or "none",
        ", ".join(sorted(map(written, known.origins))) or "none",
    )
    yield Finding("webhooks", "ok", f"endpoints: {names}; clients may name URLs under: {places}")
    yield from (finding for origin in origins for finding in doubts(origin))


def doubts(origin: Origin) -> Iterator[Finding]:
    """What may be wrong with a place."""
    where = written(origin)
    if origin.scheme == "http" and not names_loopback(origin.host):
        yield Finding("webhooks", "warn", f"{where}: events go there unencrypted", "Use https.")
    try:
        socket.getaddrinfo(origin.host.strip("[]"), origin.port)
    except OSError:
        do = "Correct WEBHOOKS or WEBHOOK_HOSTS, or look at this machine's name server."
        yield Finding("webhooks", "warn", f"{where}: the name leads nowhere", do)


def written(origin: Origin) -> str:
    """An origin as a URL."""
    return f"{origin.scheme}://{origin.host}:{origin.port}"
