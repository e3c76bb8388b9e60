"""The table of what `chorus up` runs. The Procfile says the same."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass

from app.up.commands import local_url
from app.up.probes import Probe, http_probe, socket_probe
from workers.settings import Settings

CHORUS = (sys.executable, "-P", "-m", "app.cli")


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One process. Those of one `role` stop together; after a `gate` all wait until it is ready.

    `words` are its command line after `chorus`.
    """

    name: str
    role: str
    words: tuple[str, ...] = ()
    command: tuple[str, ...]
    probe: Probe | None = None
    gate: bool = False


def process_table(settings: Settings) -> tuple[Process, ...]:
    """What to run, in the order of starting; stopping goes the other way."""
    return tuple(_rows(settings))


def _rows(settings: Settings) -> Iterator[Process]:
    if settings.embedded_redis:
        yield _process("redis", probe=socket_probe(settings.redis_socket), gate=True)
    if settings.upstream.name == "demo":
        yield _process("demo", probe=http_probe(f"{local_url('', settings.demo_port)}/health"))
    yield _worker("control", "--control")
    if settings.workers == 1:
        yield _worker("sample", "--sample")
    else:
        yield from (_worker(f"sample-{n}", "--sample") for n in range(1, settings.workers + 1))
    yield _worker("batch", "--batch")
    web = local_url(settings.host, settings.port)
    yield _process("web", "serve", probe=http_probe(f"{web}/health"))
    if settings.flower:
        flower = local_url("", settings.flower_port)
        yield _process("flower", probe=http_probe(f"{flower}/healthcheck"))


def _worker(name: str, queue: str) -> Process:
    """A worker whose node is called like its process; alone it would take a name from its number."""
    return _process(name, "worker", queue, "--name", name, role="worker")


def _process(
    name: str, *words: str, role: str = "", probe: Probe | None = None, gate: bool = False
) -> Process:
    words = words or (name,)
    return Process(
        name=name,
        role=role or name,
        words=words,
        command=(*CHORUS, *words),
        probe=probe,
        gate=gate,
    )
