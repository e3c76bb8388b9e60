"""A receiver of webhooks as a client may run it: a small HTTP server that answers as a test tells it to."""

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Event, Thread
from typing import Any, Self

from standardwebhooks import Webhook, WebhookVerificationError

SECRET = "whsec_" + base64.b64encode(b"a secret of thirty-two bytes, ok").decode()
OTHER_SECRET = "whsec_" + base64.b64encode(b"another one of thirty-two bytes!").decode()
HANG = 0
WAIT_S = 30


@dataclass(frozen=True, slots=True)
class Hook:
    """What was received; header names are in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        """The body."""
        return dict(json.loads(self.body))

    def is_signed(self, secret: str = SECRET) -> bool:
        """Whether one of its signatures is right and new, as a receiver's own library finds."""
        try:
            Webhook(secret).verify(self.body, self.headers)
        except WebhookVerificationError:
            return False
        return True


class Receiver:
    """On a free loopback port. It answers the statuses of a script in their order, the last one for ever;
    a redirect leads to `elsewhere`, and HANG is no answer before the end of the test."""

    def __init__(self) -> None:
        self.hooks: list[Hook] = []
        self.script: Sequence[int] = [200]
        self.elsewhere = ""
        self.over = Event()
        self.news = Condition()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        self.thread = Thread(target=self.server.serve_forever, name="receiver", daemon=True)

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def answer(self, *script: int) -> None:
        """Answer so from now on, and forget what came before."""
        self.hooks, self.script = [], script

    def wait(self, enough: Callable[[list[Hook]], bool]) -> list[Hook]:
        """What was received once it is enough."""
        with self.news:
            assert self.news.wait_for(lambda: enough(self.hooks), WAIT_S), self.hooks
            return list(self.hooks)

    def wait_for(self, count: int) -> list[Hook]:
        """What was received once it is so many."""
        return self.wait(lambda hooks: len(hooks) >= count)

    def receive(self, hook: Hook) -> int:
        """Note a hook; the status to answer."""
        with self.news:
            self.hooks.append(hook)
            self.news.notify_all()
            return self.script[min(len(self.hooks), len(self.script)) - 1]

    def handler(self) -> type[BaseHTTPRequestHandler]:
        """The handler of this receiver's requests."""
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                status = receiver.receive(Hook(self.path, headers, body))
                if status == HANG:
                    receiver.over.wait()
                    self.close_connection = True
                    return
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("Location", receiver.elsewhere)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler
