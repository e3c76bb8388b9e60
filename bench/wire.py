"""The cheapest HTTP client there is: one request on one connection, read to its end."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import msgspec

READ_BYTES = 65536
CONNECT_TIMEOUT_S = 30.0


class BadAnswer(Exception):
    """The status was not 200, or the body ended early."""


async def post(url: str, body: dict) -> AsyncIterator[bytes]:
    """The raw response to a JSON body, read by read, until the server or we close."""
    parts = urlsplit(url)
    data = msgspec.json.encode(body)
    head = (
        f"POST {parts.path} HTTP/1.1\r\nhost: {parts.netloc}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(data)}\r\nconnection: close\r\n\r\n"
    )
    opening = asyncio.open_connection(parts.hostname, parts.port)
    reader, writer = await asyncio.wait_for(opening, CONNECT_TIMEOUT_S)
    try:
        writer.write(head.encode() + data)
        while received := await reader.read(READ_BYTES):
            yield received
    finally:
        writer.close()


async def post_json(url: str, body: dict) -> dict:
    """The JSON that answers a JSON body. Raises BadAnswer for any other status than 200."""
    received = b"".join([part async for part in post(url, body)])
    head, _, answer = received.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200 "):
        raise BadAnswer(f"{head[:40]!r} {answer[:300]!r}")
    return msgspec.json.decode(answer)
