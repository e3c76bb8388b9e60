"""Ways to ask whether a process is ready. A probe answers "" for yes, else why not."""

import asyncio
import socket
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import httpx

Probe = Callable[[], Coroutine[Any, Any, str]]
PATIENCE_S = 2.0


def http_probe(url: str) -> Probe:
    """Ready when GET `url` answers 200."""

    async def probe() -> str:
        try:
            async with httpx.AsyncClient(timeout=PATIENCE_S, trust_env=False) as client:
                answer = await client.get(url)
        except httpx.TransportError:
            return "no answer yet"
        return "" if answer.status_code == httpx.codes.OK else f"HTTP {answer.status_code}"

    return probe


def socket_probe(path: Path) -> Probe:
    """Ready when the Redis on the unix socket `path` answers PING (it does not while it loads)."""

    async def probe() -> str:
        try:
            async with asyncio.timeout(PATIENCE_S):
                return "" if (await ping(path)).startswith(b"+PONG") else "loading its data"
        except (OSError, TimeoutError):
            return "no answer yet"

    return probe


async def ping(path: Path) -> bytes:
    """What a Redis on a unix socket says to PING. Raises OSError where none listens."""
    reader, writer = await asyncio.open_unix_connection(path)
    try:
        writer.write(b"PING\r\n")
        return await reader.readline()
    finally:
        writer.close()
        await writer.wait_closed()


def port_is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, port))
        except OSError:
            return False
    return True
