"""The server: asyncio in a thread of the test process, so that tests read its records directly."""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any, Self

import h11
import msgspec

from scripted_upstream.exchange import Call, Hang, Json, Reply, Step, Wait, Write, json_answer
from scripted_upstream.replies import error, text, written

CHAT = "POST /v1/chat/completions"
MODELS = "GET /v1/models"


class ScriptedUpstream:
    """An upstream on a free loopback port.

    `reply` is called in the server's thread, in order of arrival, and must not block. If it raises,
    the client is cut off, and `wait_for` or leaving the context raises the error to the test.
    `models` are the ids listed at GET /v1/models (None: 404). `requests` has the method and path of
    every request.
    """

    def __init__(self) -> None:
        self.reply: Callable[[Call], Reply] = lambda _call: text("The answer is \\boxed{42}.")
        self.models: Sequence[str] | None = ["m"]
        self.requests: list[str] = []
        self._calls: list[Call] = []
        self._faults: list[Exception] = []
        self._progress = threading.Condition()
        self._connections: set[Connection] = set()
        self._server: asyncio.Server | None = None
        self._port = 0

    @property
    def base_url(self) -> str:
        """What an OpenAI client takes as its base_url."""
        return f"http://127.0.0.1:{self._port}/v1"

    @property
    def calls(self) -> list[Call]:
        """The calls so far, in order of arrival; each goes on changing while it runs."""
        with self._progress:
            return list(self._calls)

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="scripted-upstream", daemon=True
        )
        self._thread.start()
        self.open_port()
        return self

    def __exit__(self, _kind: object, raised: BaseException | None, _trace: object) -> None:
        self.close_port()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        for fault in self._faults:
            if raised is None:
                raise fault
            if raised is not fault:
                raised.add_note(f"The scripted reply had raised {fault!r}")

    def reset(self) -> None:
        """Forgets all calls, for the next test; those that still run are not recorded any more."""
        with self._progress:
            self._calls = []
            self._faults = []
            self.requests = []

    def open_port(self) -> None:
        """Listens; after `close_port` at the same port as before."""
        self._run(self._listen())

    def stop_accepting(self) -> None:
        """Refuses new connections; those that are open go on."""
        self._run(self._refuse())

    def close_port(self) -> None:
        """Refuses new connections and breaks off those that are open."""
        self._run(self._break_off())

    def wait_for(self, holds: Callable[[list[Call]], bool], timeout_s: float = 10.0) -> list[Call]:
        """Blocks until `holds(calls)`; returns the calls. Raises TimeoutError that shows them."""
        with self._progress:
            ended = self._progress.wait_for(lambda: self._faults or holds(list(self._calls)), timeout_s)
            shown = "\n".join(map(repr, self._calls)) or "no call came"
        if self._faults:
            raise self._faults[0]
        if not ended:
            raise TimeoutError(f"not true within {timeout_s} s:\n{shown}")
        return self.calls

    def arrived(self, body: Json, headers: dict[str, str]) -> Call:
        """Records a new call."""
        with self._progress:
            call = Call(len(self._calls), body, headers, time.monotonic())
            self._calls.append(call)
            self._progress.notify_all()
        return call

    def progressed(self, call: Call, **changes: Any) -> None:
        """Records what became of a call."""
        with self._progress:
            for name, value in changes.items():
                setattr(call, name, value)
            self._progress.notify_all()

    def faulted(self, fault: Exception) -> None:
        """Keeps an error of the script for the test."""
        with self._progress:
            self._faults.append(fault)
            self._progress.notify_all()

    def model_list(self) -> Reply:
        """The answer to GET /v1/models."""
        if self.models is None:
            return error(404, message="no model list here")
        common = {"object": "model", "created": 0, "owned_by": "test"}
        data = [{"id": name, **common} for name in self.models]
        return written(json_answer({"object": "list", "data": data}))

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=10)

    async def _listen(self) -> None:
        self._server = await self._loop.create_server(
            lambda: Connection(self, self._connections), "127.0.0.1", self._port, backlog=2048
        )
        self._port = self._server.sockets[0].getsockname()[1]

    async def _refuse(self) -> None:
        if self._server:
            self._server.close()
            self._server = None

    async def _break_off(self) -> None:
        await self._refuse()
        await asyncio.gather(*[connection.break_off() for connection in self._connections])


class Connection(asyncio.Protocol):
    """One client connection: requests in by h11, the steps of each reply out."""

    def __init__(self, upstream: ScriptedUpstream, connections: set["Connection"]) -> None:
        self._upstream = upstream
        self._connections = connections
        self._writable = asyncio.Event()
        self._lost = asyncio.Event()
        self._left_by_client = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greets a client."""
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]
        self._connections.add(self)
        self._writable.set()
        self._expect_request()

    def data_received(self, data: bytes) -> None:
        """Collects one request and starts to answer it; h11 keeps what comes behind it."""
        self._parser.receive_data(data)
        if self._answering:
            return
        while (event := self._parser.next_event()) is not h11.NEED_DATA:
            match event:
                case h11.Request():
                    self._head = event
                case h11.Data():
                    self._body += event.data
                case h11.EndOfMessage():
                    self._answering = asyncio.ensure_future(self._answer())
                    return

    def eof_received(self) -> None:
        """Drops the answer at once: who closes half has no further interest here."""
        self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends the answer where it stands."""
        self._connections.discard(self)
        self._lost.set()
        if self._answering:
            self._answering.cancel()
        if self._call and not self._call.done:
            self._ended(aborted=self._left_by_client)

    def pause_writing(self) -> None:
        """The client reads too slowly."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """The client caught up."""
        self._writable.set()

    async def break_off(self) -> None:
        """Closes from our side."""
        self._left_by_client = False
        self._transport.abort()
        await self._lost.wait()

    def _expect_request(self) -> None:
        self._parser = h11.Connection(h11.SERVER)
        self._head: h11.Request | None = None
        self._body = bytearray()
        self._call: Call | None = None
        self._answering: asyncio.Task[None] | None = None

    async def _answer(self) -> None:
        try:
            reply = self._reply()
            await self._play(reply.steps(self._call))
        except Exception as fault:  # noqa: BLE001 the test gets it
            self._upstream.faulted(fault)
            await self.break_off()
            return
        if reply.close_after:
            self._transport.close()
            return
        early, _closed = self._parser.trailing_data
        self._expect_request()
        if early:
            self.data_received(early)

    def _reply(self) -> Reply:
        line = f"{self._head.method.decode()} {self._head.target.decode()}"
        self._upstream.requests.append(line)
        if line == CHAT:
            headers = {name.decode(): value.decode() for name, value in self._head.headers}
            self._call = self._upstream.arrived(msgspec.json.decode(self._body), headers)
            return self._upstream.reply(self._call)
        self._call = Call(-1, {}, {}, 0.0)
        return self._upstream.model_list() if line == MODELS else error(404, message=f"no {line}")

    async def _play(self, steps: Iterator[Step]) -> None:
        step = next(steps)
        for following in steps:
            await self._take(step)
            step = following
        await self._take(step, last=True)

    async def _take(self, step: Step, *, last: bool = False) -> None:
        match step:
            case Wait(seconds):
                await asyncio.sleep(seconds)
            case Hang():
                await self._lost.wait()
            case Write(data, tokens):
                await self._writable.wait()
                # Noted before it is sent: a test that has the answer finds it in the records.
                if tokens:
                    sent = self._call.tokens_sent + tokens
                    self._upstream.progressed(self._call, tokens_sent=sent)
                if last:
                    self._ended(done=True)
                self._transport.write(data)

    def _ended(self, **how: bool) -> None:
        self._upstream.progressed(self._call, ended_s=time.monotonic(), **how)
