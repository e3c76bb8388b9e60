"""Finds out what an upstream gives for a model, by a handful of calls of a few tokens each."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import httpx
import msgspec

from tts_core.confidence import SENTINEL, token_confidence
from tts_core.errors import UpstreamError, UpstreamRefused, UpstreamTimeout
from tts_core.model import Usage
from tts_core.tracing import Chunk
from workers.answering import answering
from workers.call import GO_ON
from workers.capabilities import Capabilities, Known
from workers.settings import Settings
from workers.transport import Hooks
from workers.upstream import answered, patience, payloads, url_of
from workers.upstreams import Upstream
from workers.wire import read_chunk, read_numbers

WITHIN_S = 10.0
WAIT_S = 15.0
AGAIN_S = 60
KS = (20, 5, 2)
SEEDS = (20_250_815, 7)
FEW_TOKENS = 16
ASKED_TOO_MUCH = (400, 422)
KEY_REFUSED = (401, 402, 403)
QUOTED = 40

RANDOM = ({"role": "user", "content": "Write twelve random digits and nothing else."},)
FRUIT = {"role": "user", "content": "Name one fruit. Answer with one word."}
BEGUN, REST = "Monday, Tuesday, Wednes", "day"

NAMES = ("streaming", "usage_in_stream", "logprobs", "top_logprobs", "prefill", "seed", "n")


class Reply(NamedTuple):
    """What came back: the chunks of the first choice, which choices there were, and whether they came as
    a stream."""

    chunks: Sequence[Chunk]
    choices: frozenset[int]
    streamed: bool

    @property
    def text(self) -> str:
        """What it says."""
        return "".join(chunk.text for chunk in self.chunks)


@dataclass(frozen=True, slots=True)
class Found:
    """One thing found out, and why it is not there or cannot be told."""

    value: bool | int | None
    reason: str = ""


class Probe:
    """One probing of one model; it takes no longer than `within_s`."""

    def __init__(self, upstream: Upstream, model: str, within_s: float = WITHIN_S) -> None:
        self.upstream = upstream
        self.model = model
        self.end_s = time.monotonic() + within_s
        self.found: dict[str, Found] = {}
        self.calls = 0
        self.usage = Usage()
        self.settled = True

    def run(self) -> Capabilities:
        """All that can be told; when the plainest call fails, nothing else is asked."""
        try:
            asked, first = self.first()
        except UpstreamError as error:
            nothing = self.failure(error, is_answer=False)
            return self.told(dict.fromkeys(NAMES, nothing))
        self.found |= {"streaming": Found(first.streamed), "usage_in_stream": usage_told(first)}
        if "logprobs" in asked:
            self.found["logprobs"], self.found["top_logprobs"] = logprobs_in(first)
        self.found["prefill"] = self.attempted(self.prefill)
        self.found["n"] = self.attempted(self.several)
        self.found["seed"] = self.attempted(lambda: self.repeated(asked, first))
        return self.told(self.found)

    def first(self) -> tuple[dict[str, Any], Reply]:
        """The call that all others build on, with as many logprobs as the upstream takes."""
        plain = {"messages": RANDOM, "max_tokens": FEW_TOKENS, "temperature": 1.0, "seed": SEEDS[0]}
        for k in KS:
            asked = {**plain, "logprobs": True, "top_logprobs": k}
            try:
                return asked, self.ask(asked)
            except UpstreamRefused as error:
                if error.status not in ASKED_TOO_MUCH or "logprob" not in f"{error.message} {error.param}":
                    raise
                refusal = Found(False, error.message)
        self.found |= {"logprobs": refusal, "top_logprobs": Found(0, refusal.reason)}
        return plain, self.ask(plain)

    def prefill(self) -> Found:
        """Whether a reply goes on in the middle of a word that nobody has asked for.

        A new message would name a fruit. Only who goes on with the beginning completes a day of the week.
        """
        begun = {"role": "assistant", "content": BEGUN}
        body = {"messages": (FRUIT, begun), "max_tokens": FEW_TOKENS, "temperature": 0.0, **GO_ON}
        said = self.ask(body).text
        if not said.strip():
            return Found(None, f"The model said nothing within {FEW_TOKENS} tokens.")
        if said.removeprefix(BEGUN).startswith(REST):
            return Found(True)
        return Found(False, f"Instead of going on it said {said.strip()[:QUOTED]!r}.")

    def several(self) -> Found:
        """Whether n=2 gives two choices."""
        choices = self.ask({"messages": RANDOM, "max_tokens": 2, "n": 2}).choices
        return Found(True) if len(choices) > 1 else Found(False, "n=2 was ignored.")

    def repeated(self, asked: Mapping[str, Any], first: Reply) -> Found:
        """Whether a seed decides the text: the same one gives the same, another one another."""
        again, other = self.ask(asked).text, self.ask({**asked, "seed": SEEDS[1]}).text
        if not first.text.strip():
            return Found(None, f"The model said nothing within {FEW_TOKENS} tokens.")
        if again != first.text:
            return Found(False, "The same seed gave two texts.")
        return Found(True) if other != first.text else Found(None, "Another seed gave the same text.")

    def attempted(self, question: Callable[[], Found]) -> Found:
        """The answer to a question, or what stood in its way."""
        try:
            return question()
        except UpstreamError as error:
            return self.failure(error, is_answer=True)

    def failure(self, error: UpstreamError, *, is_answer: bool) -> Found:
        """An error as a finding; a refusal of what was asked may be the answer."""
        if isinstance(error, UpstreamRefused) and error.status in KEY_REFUSED:
            return Found(None, f"The upstream refused the service's own credentials ({error.status}).")
        if is_answer and isinstance(error, UpstreamRefused) and error.status in ASKED_TOO_MUCH:
            return Found(False, error.message)
        self.settled = self.settled and isinstance(error, UpstreamRefused)
        return Found(None, error.message)

    def ask(self, body: Mapping[str, Any]) -> Reply:
        """One call, as a trace would be asked for. Raises UpstreamError."""
        self.calls += 1
        left_s = self.left_s()
        streaming = {"stream": True, "stream_options": {"include_usage": True}}
        request = httpx.Request(
            "POST",
            url_of(self.upstream.base_url, "/chat/completions"),
            headers={"Content-Type": "application/json"},
            content=msgspec.json.encode({**body, **streaming, "model": self.upstream.name_of(self.model)}),
            extensions=patience(left_s),
        )
        # Before every read: an upstream that only keeps its connection alive sends no chunks.
        with answered(self.upstream, request, Hooks(pace=self.go_on)) as response:
            streamed = response.headers.get("content-type", "").startswith("text/event-stream")
            reply = self.read(response, streamed=streamed)
        self.usage += next((chunk.usage for chunk in reply.chunks[::-1] if chunk.usage), Usage())
        return reply

    def read(self, response: httpx.Response, *, streamed: bool) -> Reply:
        """The whole reply, as long as there is time."""
        chunks: list[Chunk] = []
        choices: set[int] = set()
        for data in payloads(response):
            self.go_on()
            chunks.append(read_chunk(data, keep=False))
            choices |= read_numbers(data)
        return Reply(chunks, frozenset(choices), streamed)

    def left_s(self) -> float:
        """The time that is left. Raises UpstreamTimeout when it is over."""
        left_s = self.end_s - time.monotonic()
        if left_s <= 0:
            raise UpstreamTimeout("The upstream took too long: the probe's time was over.")
        return left_s

    def go_on(self) -> None:
        """Raises UpstreamTimeout when the time is over."""
        self.left_s()

    def told(self, found: Mapping[str, Found]) -> Capabilities:
        """The findings as a record."""
        values: dict[str, Any] = {name: found[name].value for name in NAMES}
        return Capabilities(
            model=self.model,
            upstream=self.upstream.name,
            probed_s=time.time(),
            reasons={name: found[name].reason for name in NAMES if found[name].reason},
            calls=self.calls,
            usage=self.usage,
            settled=self.settled,
            **values,
        )


def usage_told(reply: Reply) -> Found:
    """Whether a stream ends with an account of its tokens."""
    if not reply.streamed:
        return Found(None, "There was no stream.")
    told = any(chunk.usage for chunk in reply.chunks)
    return Found(told, "" if told else "stream_options.include_usage was ignored.")


def logprobs_in(reply: Reply) -> tuple[Found, Found]:
    """Whether there are logprobs that tell a confidence, and how many for a token."""
    tokens = [top for chunk in reply.chunks for top in chunk.top_logprobs]
    most = max((sum(value > SENTINEL for value in top) for top in tokens), default=0)
    if any(token_confidence(top) is not None for top in tokens):
        return Found(True), Found(most)
    if not any(tokens):
        reason = "They were asked for, and none came."
    elif most == 1:
        reason = "There is one for each token; a confidence needs two."
    else:
        reason = "They are not real: all of them are 0 or -9999."
    return Found(False, reason), Found(most, reason)


class Prober:
    """Knows what was found out, and finds out what nobody knows; one process at a time does."""

    def __init__(self, settings: Settings, store: Any) -> None:
        self.settings = settings
        self.found = Known(store)

    def known(self, model: str) -> Capabilities | None:
        """What is known of a model without asking. Raises Overloaded."""
        with answering():
            return self.found.get(self.upstream(model).base_url, model)

    def capabilities(self, model: str) -> Capabilities | None:
        """What a model gives; it is probed unless it is known. None when it may not be probed, or others
        take too long to be done with it. Raises Overloaded."""
        known = self.known(model)
        return known if known or not self.settings.probe_models else self.alone(model)

    def alone(self, model: str) -> Capabilities | None:
        """Probe a model, or wait for the one who does."""
        with answering():
            lock = self.found.alone(2 * WITHIN_S)
            if not lock.acquire(blocking_timeout=WAIT_S):
                return None
            try:
                return self.known(model) or self.kept(model)
            finally:
                lock.release()

    def kept(self, model: str) -> Capabilities:
        """Probe a model, and keep what is found. Raises Overloaded."""
        found = self.probe(model)
        self.keep(found)
        return found

    def probe(self, model: str) -> Capabilities:
        """Probe a model, whatever is known of it."""
        return Probe(self.upstream(model), model).run()

    def keep(self, found: Capabilities) -> None:
        """Have all processes know it; for a short while when the upstream was away. Raises Overloaded."""
        ttl_s = self.settings.probe_ttl_s if found.settled else min(AGAIN_S, self.settings.probe_ttl_s)
        with answering():
            self.found.keep(self.upstream(found.model).base_url, found, ttl_s)

    def upstream(self, model: str) -> Upstream:
        """Who serves a model."""
        return self.settings.upstreams.route(model)
