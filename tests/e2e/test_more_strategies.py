"""Further strategies through the whole service, judged by what the upstream was asked."""

import pytest
from asking import choose
from openai import OpenAI
from scripted_upstream import Call, Reply, ScriptedUpstream, text

WORDS = "word " * 20


def boxed(answer: object, confidence: float) -> Reply:
    """A trace that ends with this answer."""
    return text(f"{WORDS}\\boxed{{{answer}}}", confidence=confidence)


def test_cisc_weighs_the_softmax_of_the_confidences(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda call: boxed(42, 12.0) if call.index == 0 else boxed(7, 10.0)
    told = choose(client, extra_body={"tts_strategy": "cisc", "tts_budget": 6}).tts_metadata
    assert len(upstream.calls) == 6
    assert (told["answer"], told["majority_answer"]) == ("42", "7")
    assert told["confidence"] == pytest.approx(62 / 6, abs=1e-6)


def test_early_stopping_consistency_asks_for_no_further_window_after_an_agreement(
    client: OpenAI, upstream: ScriptedUpstream
) -> None:
    def reply(call: Call) -> Reply:
        return boxed(call.index if call.index < 3 else 42, 10.0)

    upstream.reply = reply
    body = {"tts_strategy": "early_stopping_consistency", "tts_budget": 12, "tts_window_traces": 3}
    told = choose(client, extra_body=body).tts_metadata
    assert len(upstream.calls) == 6
    assert (told["answer"], told["stopped_by"], told["rounds"]) == ("42", "consensus", 2)
