"""What `chorus up` does: look before starting, start, and tell the newcomer what to do next."""

import asyncio
import json
import os
import time
from pathlib import Path

import httpx

from app.up import demo, redis
from app.up.banner import banner
from app.up.commands import check_exposure, flower, local_url
from app.up.console import Console
from app.up.probes import PATIENCE_S, http_probe, port_is_free
from app.up.processes import process_table
from app.up.supervisor import Supervisor
from workers.settings import Settings, SettingsError

READY_WITHIN_S = 45.0
ASK_EVERY_S = 0.2


def look_before(settings: Settings) -> None:
    """Raises SettingsError with what stands in the way, before anything is started."""
    check_exposure(settings)
    if settings.flower:
        flower(settings)
    if settings.upstream.name == "demo":
        demo.check(settings)
    if settings.embedded_redis:
        redis.server_binary()
        os.close(redis.claim(settings))
    _check_ports(settings)


def _check_ports(settings: Settings) -> None:
    wanted = [("PORT", settings.host, settings.port, True)]
    wanted.append(("DEMO_PORT", "127.0.0.1", settings.demo_port, settings.upstream.name == "demo"))
    wanted.append(("FLOWER_PORT", "127.0.0.1", settings.flower_port, settings.flower))
    for name, host, port, needed in wanted:
        if needed and not port_is_free(host, port):
            raise SettingsError(f"port {port} is in use: stop what listens there, or set {name}")


def plan(settings: Settings) -> str:
    """What would be started, one command a line."""
    width = max(len(process.name) for process in process_table(settings))
    return "\n".join(
        f"{process.name:<{width}}  chorus {' '.join(process.words)}" for process in process_table(settings)
    )


def run(settings: Settings) -> int:
    """Start everything and stay until told to stop. Returns the exit code; raises SettingsError."""
    look_before(settings)
    table = process_table(settings)
    console = Console(
        width=max(8, *(len(process.name) for process in table)),
        bare=settings.log_format == "json",
    )
    console.step(f"data in {Path(settings.data_dir).resolve()}; Ctrl-C stops everything")
    return asyncio.run(_supervise(settings, Supervisor(table, console.say), console))


async def _supervise(settings: Settings, supervisor: Supervisor, console: Console) -> int:
    born = time.monotonic()

    async def welcome() -> None:
        missing = await _until_ready(settings)
        console.step(f"up in {time.monotonic() - born:.1f} s")
        for line in banner(settings, missing):
            console.step(line)

    return await supervisor.run(welcome)


async def _until_ready(settings: Settings) -> str:
    """Wait for GET /ready; returns "" or, when it takes too long, what is missing."""
    url = f"{local_url(settings.host, settings.port)}/ready"
    probe = http_probe(url)
    try:
        async with asyncio.timeout(READY_WITHIN_S):
            while await probe():
                await asyncio.sleep(ASK_EVERY_S)
    except TimeoutError:
        return await _reason(url)
    return ""


async def _reason(url: str) -> str:
    try:
        async with httpx.AsyncClient(timeout=PATIENCE_S, trust_env=False) as client:
            return missing((await client.get(url)).text)
    except httpx.TransportError:
        return "the API does not answer"


def missing(report: str) -> str:
    """The parts that cannot serve, a line each, out of the text of GET /ready."""
    try:
        parts = json.loads(report)["parts"].items()
    except (ValueError, KeyError):
        return report.strip()
    return "\n".join(f"{name}: {part['message']}" for name, part in parts if "message" in part)
