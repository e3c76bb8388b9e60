"""A question's whole way: SDK, Flask, chord, upstream, vote, completion."""

import pytest
from asking import ask, choose, in_turn, post
from openai import OpenAI
from scripted_upstream import PROMPT_TOKENS, ScriptedUpstream, split_tokens, text
from service import Service

UNDECIDED = "I am not sure at all about this one.\nLet me stop here, without a result to tell."


def test_many_traces_become_one_voted_answer(client: OpenAI, upstream: ScriptedUpstream) -> None:
    said = ["\\boxed{42}", "\\boxed{7}", "\\boxed{42.0}", "\\boxed{7}", "\\boxed{42}", "\\boxed{8}"]
    upstream.reply = in_turn(*map(text, said), text(UNDECIDED), text(UNDECIDED))
    told = choose(client, extra_body={"tts_strategy": "self_consistency"}).tts_metadata
    assert told["answer"] in ("42", "42.0")
    assert told["agreement"] == 3 / 6
    assert sorted(told["answer_distribution"][told["answer"]]["spellings"]) == ["42", "42.0"]


def test_the_default_is_deepconf_with_eight_traces(client: OpenAI, upstream: ScriptedUpstream) -> None:
    told = choose(client).tts_metadata
    assert (told["strategy"], told["mode"], told["num_traces"]) == ("deepconf", "offline", 8)
    assert len(upstream.calls) == 8


def test_deepconf_lets_the_most_confident_decide(client: OpenAI, upstream: ScriptedUpstream) -> None:
    sure, unsure = text("\\boxed{42}", confidence=18.0), text("\\boxed{7}", confidence=9.0)
    upstream.reply = in_turn(sure, unsure, unsure, unsure)
    told = choose(client, extra_body={"tts_budget": 4, "tts_filter_method": "top1"}).tts_metadata
    assert (told["weighted_answer"], told["traces_used"]) == ("42", 1)
    assert told["confidence"] == pytest.approx(18.0)


def test_both_votes_are_reported(client: OpenAI, upstream: ScriptedUpstream) -> None:
    sure, unsure = text("\\boxed{42}", confidence=18.0), text("\\boxed{7}", confidence=4.0)
    upstream.reply = in_turn(sure, unsure, unsure)
    told = choose(client, extra_body={"tts_budget": 3, "tts_filter_method": "none"}).tts_metadata
    assert (told["weighted_answer"], told["majority_answer"]) == ("42", "7")


def test_the_content_is_the_winners_own_text(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda _call: text("Six sevens.\n\nSo: \\boxed{42} ✓", finish="length")
    choice = choose(client, extra_body={"tts_budget": 2})
    assert choice.message.content == "Six sevens.\n\nSo: \\boxed{42} ✓"
    assert choice.finish_reason == "length"


def test_usage_is_the_sum_of_what_the_upstream_reported(client: OpenAI, upstream: ScriptedUpstream) -> None:
    said = "The answer is \\boxed{42}."
    upstream.reply = lambda _call: text(said)
    usage = ask(client, extra_body={"tts_budget": 3}).usage
    assert usage.prompt_tokens == 3 * PROMPT_TOKENS
    assert usage.completion_tokens == 3 * len(split_tokens(said))
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens


def test_tokens_without_an_account_are_counted_and_said_to_be(
    client: OpenAI, upstream: ScriptedUpstream
) -> None:
    upstream.reply = lambda call: text("It is \\boxed{42}.", usage=call.index == 0)
    done = ask(client, extra_body={"tts_budget": 3})
    count = len(split_tokens("It is \\boxed{42}."))
    assert done.usage.completion_tokens == 3 * count
    assert done.usage.prompt_tokens == 3 * PROMPT_TOKENS
    assert f"no account of 2 calls: their {2 * count}" in done.choices[0].tts_metadata["warnings"][0]


def test_the_metadata_has_all_that_the_contract_names(client: OpenAI, upstream: ScriptedUpstream) -> None:
    told = choose(client, extra_body={"tts_budget": 2}).tts_metadata
    assert set(told) >= {
        "strategy", "num_traces", "confidence", "agreement", "mode", "job_id", "answer",
        "answer_distribution", "majority_answer", "weighted_answer", "traces_used", "traces_failed",
        "traces_stopped_early", "threshold", "consensus", "tokens", "rounds", "stopped_by",
        "elapsed_s", "upstream_s", "warnings",
    }  # fmt: skip


def test_defaults_reach_the_upstream(client: OpenAI, upstream: ScriptedUpstream) -> None:
    ask(client, extra_body={"tts_strategy": "single"})
    body = upstream.calls[0].body
    assert (body["temperature"], body["top_p"], body["max_tokens"]) == (0.7, 1.0, 512)
    assert (body["logprobs"], body["top_logprobs"]) == (True, 20)
    assert not any(name.startswith("tts_") for name in body)


def test_each_trace_is_one_call_of_its_own(client: OpenAI, upstream: ScriptedUpstream) -> None:
    ask(client, n=2, extra_body={"tts_budget": 3})
    assert [call.body.get("n") for call in upstream.calls] == [None] * 3


def test_traces_run_at_the_same_time(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda _call: text("\\boxed{42}", first_token_s=0.5)
    told = choose(client, extra_body={"tts_budget": 32}).tts_metadata
    assert told["elapsed_s"] < 32 * 0.5 / 4


def test_without_logprobs_the_votes_are_not_weighted_and_a_warning_says_so(
    client: OpenAI, upstream: ScriptedUpstream
) -> None:
    upstream.reply = lambda _call: text("\\boxed{42}", logprobs=False)
    told = choose(client, extra_body={"tts_budget": 2}).tts_metadata
    assert (told["confidence"], told["answer"]) == (None, "42")
    assert "not weighted" in told["warnings"][0]


def test_required_logprobs_that_do_not_come_are_a_400(service: Service, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda _call: text("\\boxed{42}", logprobs=False)
    answer = post(service.url, tts_budget=2, tts_require_logprobs=True)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "tts_require_logprobs")


def test_a_chain_of_thought_in_its_own_field_is_kept_apart(
    client: OpenAI, upstream: ScriptedUpstream
) -> None:
    from scripted_upstream import reasoning

    upstream.reply = lambda _call: reasoning("\\boxed{42}", "first \\boxed{7}, no:")
    choice = choose(client, extra_body={"tts_budget": 2})
    assert choice.message.content == "\\boxed{42}"
    assert choice.message.reasoning_content == "first \\boxed{7}, no:"
    assert choice.tts_metadata["answer"] == "42"


def test_traces_come_along_when_asked_for(client: OpenAI, upstream: ScriptedUpstream) -> None:
    told = choose(client, extra_body={"tts_budget": 3, "tts_include_traces": True}).tts_metadata
    assert [trace["index"] for trace in told["traces"]] == [0, 1, 2]
    assert told["traces"][0]["text"] == "The answer is \\boxed{42}."
    assert told["traces"][0]["confidence"]["mean"] == pytest.approx(15.0)


def test_an_option_of_another_strategy_is_told_to_be_unused(
    client: OpenAI, upstream: ScriptedUpstream
) -> None:
    told = choose(client, extra_body={"tts_strategy": "single", "tts_budget": 8}).tts_metadata
    assert told["warnings"] == ["tts_budget is not used by single."]


def test_a_hint_is_added_only_on_request(client: OpenAI, upstream: ScriptedUpstream) -> None:
    ask(client, extra_body={"tts_strategy": "single", "tts_answer_hint": True})
    assert upstream.calls[0].body["messages"][0]["content"].startswith("What is 6*7?\n\n")
    assert "\\boxed{}" in upstream.calls[0].body["messages"][0]["content"]
