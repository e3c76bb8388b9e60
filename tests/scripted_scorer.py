"""A scorer as an operator may run it: a small HTTP server that scores what a test tells it to."""

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Self

Json = dict[str, Any]


class ScriptedScorer:
    """A scorer on a free loopback port. `reply` makes status and body of what was posted; `asked` has what
    was posted, `headers` the header fields of each."""

    def __init__(self) -> None:
        self.reply: Callable[[Json], tuple[int, bytes]] = lambda _asked: (200, b'{"score": 1}')
        self.asked: list[Json] = []
        self.headers: list[dict[str, str]] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        self.thread = Thread(target=self.server.serve_forever, name="scripted-scorer", daemon=True)

    @property
    def url(self) -> str:
        """Where it is asked."""
        return f"http://127.0.0.1:{self.server.server_address[1]}/score"

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def handler(self) -> type[BaseHTTPRequestHandler]:
        """The handler of this scorer's requests."""
        scorer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                scorer.headers.append({name.lower(): value for name, value in self.headers.items()})
                scorer.asked.append(asked)
                status, body = scorer.reply(asked)
                self.send_response(status)
                if status in (301, 302, 307, 308):
                    self.send_header("Location", body.decode())
                    body = b""
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler
