"""Whether the client of a request is still there."""

import select
import socket
from collections.abc import Mapping
from typing import Any


def client_is_gone(environ: Mapping[str, Any]) -> bool:
    """Whether the client has closed its end. Bytes that wait to be read count as presence; behind a
    proxy it is the proxy's end. Servers that do not tell the socket are taken as present."""
    line: socket.socket | None = environ.get("gunicorn.socket")
    if line is None:
        return False
    waiting = select.poll()  # select.select() knows no descriptor above 1023
    try:
        waiting.register(line, select.POLLIN)
        return bool(waiting.poll(0)) and line.recv(1, socket.MSG_PEEK) == b""
    except (OSError, ValueError):
        return True
