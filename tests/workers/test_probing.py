"""A probe tells what an upstream really gives, not what it accepts."""

from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

import pytest
from scripted_upstream import Call, Reply, ScriptedUpstream, error, going_on, hang, raw, reasoning, text
from scripted_upstream.exchange import Wait, Write, framed

from workers.capabilities import Capabilities
from workers.probing import BEGUN, GO_ON, NAMES, Probe
from workers.upstreams import Upstream

WEEK = "Monday, Tuesday, Wednesday, Thursday"

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
INFINITE = (
    '{"choices": [{"index": 0, "delta": {"content": "1"}, "finish_reason": "stop", "logprobs": {"content": '
    '[{"token": "1", "logprob": -0.1, "top_logprobs": '
    '[{"logprob": -0.1}, {"logprob": -2.5}, {"logprob": -Infinity}]}]}}]}'
)


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    """An upstream of one's own."""
    with ScriptedUpstream() as found:
        yield found


@pytest.fixture
def probe(upstream: ScriptedUpstream) -> Callable[..., Capabilities]:
    """Probe it, given how it replies."""

    def run(reply: Callable[[Call], Reply], within_s: float = 10.0) -> Capabilities:
        upstream.reply = reply
        return Probe(Upstream("u", upstream.base_url, "sk-secret"), "m", within_s).run()

    return run


def digits(call: Call, **delivery: Any) -> Reply:
    """A model that goes on with a week, and else says its seed."""
    return going_on(call, str(call.body.get("seed")), WEEK, **delivery)


def test_a_model_that_gives_all_is_told_so(probe: Callable[..., Capabilities]) -> None:
    found = asdict(probe(digits))
    told = {name: found[name] for name in NAMES if name != "n"}
    assert told == {
        "streaming": True,
        "usage_in_stream": True,
        "logprobs": True,
        "top_logprobs": 20,
        "prefill": True,
        "seed": True,
    }


def test_what_the_probe_took_is_told(
    probe: Callable[..., Capabilities], upstream: ScriptedUpstream
) -> None:
    found = probe(digits)
    assert found.calls == len(upstream.calls) == 5
    assert found.usage.prompt_tokens == 50
    assert all(call.body.get("max_tokens", 0) <= 16 for call in upstream.calls)


def test_prefill_is_asked_for_as_strategies_ask_for_it(
    probe: Callable[..., Capabilities], upstream: ScriptedUpstream
) -> None:
    probe(digits)
    begun = [call.body for call in upstream.calls if call.body["messages"][-1]["role"] == "assistant"]
    assert [{name: body[name] for name in GO_ON} for body in begun] == [GO_ON]
    assert begun[0]["messages"][-1]["content"] == BEGUN


@pytest.mark.parametrize("said", ["Apple", "A day has 24 hours.", " day"])
def test_a_reply_that_does_not_complete_the_word_is_no_prefill(
    probe: Callable[..., Capabilities], said: str
) -> None:
    found = probe(lambda _: text(said))
    assert found.prefill is False
    assert said.strip() in found.reasons["prefill"]


def test_an_upstream_that_repeats_the_beginning_goes_on_with_it(probe: Callable[..., Capabilities]) -> None:
    assert probe(lambda _: text(f"{BEGUN}day")).prefill is True


def test_a_refused_field_is_an_answer(probe: Callable[..., Capabilities]) -> None:
    def reply(call: Call) -> Reply:
        return error(400, message="unknown field") if GO_ON.keys() & call.body.keys() else text("1")

    found = probe(reply)
    assert (found.prefill, found.reasons["prefill"], found.settled) == (False, "unknown field", True)


def test_a_model_that_only_thinks_cannot_be_told(probe: Callable[..., Capabilities]) -> None:
    found = probe(lambda _: reasoning("", "hm"))
    assert (found.prefill, found.seed) == (None, None)


@pytest.mark.parametrize(
    ("delivery", "reason"),
    [
        ({"confidence": 0.0}, "not real"),
        ({"confidence": 9999.0}, "not real"),
        ({"logprobs": False}, "none came"),
        ({"top_logprobs": 0}, "none came"),
        ({"top_logprobs": 1}, "one for each token"),
    ],
)
def test_logprobs_that_tell_nothing_are_none(
    probe: Callable[..., Capabilities], delivery: dict[str, Any], reason: str
) -> None:
    found = probe(lambda _: text("1 2 3", **delivery))
    assert found.logprobs is False
    assert reason in found.reasons["logprobs"]


def test_as_many_logprobs_are_told_as_come(probe: Callable[..., Capabilities]) -> None:
    assert probe(lambda _: text("1 2 3", top_logprobs=8)).top_logprobs == 8


def test_fewer_logprobs_are_asked_for_when_20_are_refused(probe: Callable[..., Capabilities]) -> None:
    def reply(call: Call) -> Reply:
        return error(400, message="top_logprobs > 5") if call.body.get("top_logprobs", 0) > 5 else text("1")

    assert probe(reply).top_logprobs == 5


def test_an_upstream_that_refuses_logprobs_is_asked_for_the_rest(
    probe: Callable[..., Capabilities],
) -> None:
    def reply(call: Call) -> Reply:
        return error(400, message="no logprobs here") if call.body.get("logprobs") else digits(call)

    found = probe(reply)
    assert (found.logprobs, found.top_logprobs, found.prefill, found.seed) == (False, 0, True, True)


def test_a_seed_that_does_not_repeat_is_none(probe: Callable[..., Capabilities]) -> None:
    assert probe(lambda call: text(str(call.index))).seed is False


def test_one_text_for_all_seeds_tells_nothing(probe: Callable[..., Capabilities]) -> None:
    found = probe(lambda _: text("7"))
    assert (found.seed, found.reasons["seed"]) == (None, "Another seed gave the same text.")


def test_an_ignored_n_is_none(probe: Callable[..., Capabilities]) -> None:
    assert probe(digits).n is False


def test_a_missing_account_is_seen(probe: Callable[..., Capabilities]) -> None:
    assert probe(lambda call: digits(call, usage=False)).usage_in_stream is False


@pytest.mark.parametrize("status", [401, 404, 429, 500])
def test_when_the_first_call_fails_nothing_is_claimed_or_asked(
    probe: Callable[..., Capabilities], upstream: ScriptedUpstream, status: int
) -> None:
    found = probe(lambda _: error(status, message="it was sk-secret"))
    assert {name: getattr(found, name) for name in NAMES} == dict.fromkeys(NAMES)
    assert found.reasons.keys() == set(NAMES)
    assert "sk-secret" not in str(found)
    assert len(upstream.calls) == 1


def test_only_what_may_pass_is_asked_again_soon(probe: Callable[..., Capabilities]) -> None:
    assert probe(lambda _: error(404)).settled
    assert not probe(lambda _: error(429)).settled


def test_a_probe_comes_to_an_end_over_a_silent_upstream(probe: Callable[..., Capabilities]) -> None:
    found = probe(lambda call: hang(after_tokens=1) if call.index else text("1"), within_s=0.5)
    assert (found.streaming, found.prefill, found.settled) == (True, None, False)


def test_a_probe_comes_to_an_end_over_an_upstream_that_only_keeps_the_connection_alive(
    probe: Callable[..., Capabilities],
) -> None:
    alive = [Wait(0.05), Write(framed(b": PROCESSING\n\n"))]
    found = probe(lambda _: Reply(lambda _call: iter([Write(HEAD), *alive * 100]), True), 0.5)
    assert (found.streaming, found.settled, found.calls) == (None, False, 1)
    assert "too long" in found.reasons["streaming"]


def test_numbers_that_are_no_json_are_read_as_those_of_traces(probe: Callable[..., Capabilities]) -> None:
    found = probe(lambda _: raw(HEAD + f"data: {INFINITE}\n\ndata: [DONE]\n\n".encode()))
    assert (found.logprobs, found.top_logprobs) == (True, 2)


@pytest.mark.parametrize("index", ["[1]", "null", '"0"', "{}"])
def test_choices_without_a_number_are_not_counted(probe: Callable[..., Capabilities], index: str) -> None:
    said = f'{{"choices": [{{"index": {index}, "delta": {{"content": "1"}}, "finish_reason": "stop"}}]}}'
    found = probe(lambda _: raw(HEAD + f"data: {said}\n\ndata: [DONE]\n\n".encode()))
    assert (found.streaming, found.n) == (True, False)
