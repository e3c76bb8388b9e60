"""Several models in one request, through the whole service: who is asked, what it costs, what is told."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from asking import QUESTION, ask, choose, post
from batching import ended, hand_in, line, read
from jobs import Jobs
from openai import OpenAI
from scripted_upstream import PROMPT_TOKENS, Call, Reply, ScriptedUpstream, error, split_tokens, text
from service import Service, running

MODELS = ("small", "large", "other")
BOTH = ["small", "large"]


@pytest.fixture(scope="module")
def upstream_server() -> Iterator[ScriptedUpstream]:
    """An upstream that lists several models."""
    with ScriptedUpstream() as upstream:
        upstream.models = ["m", *MODELS]
        yield upstream


@pytest.fixture(scope="module")
def service(
    upstream_server: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A service over it."""
    settings = {
        "UPSTREAM_BASE_URL": upstream_server.base_url,
        "UPSTREAM_RETRIES": "0",
        "DEFAULT_MODEL": "m",
    }
    with running(tmp_path_factory.mktemp("several"), settings) as found:
        yield found


def saying(**answers: str) -> Callable[[Call], Reply]:
    """Each model has its own answer; one without is not found."""

    def reply(call: Call) -> Reply:
        said = answers.get(call.body["model"])
        return text(said) if said else error(404, code="model_not_found", message="No such model.")

    return reply


def asked(upstream: ScriptedUpstream) -> dict[str, int]:
    """How often each model was asked."""
    return dict(Counter(call.body["model"] for call in upstream.calls))


def boxed(answer: int) -> str:
    """A text with this answer."""
    return f"It is \\boxed{{{answer}}}."


def facts(client: OpenAI, **options: Any) -> dict[str, Any]:
    """What is told of an answer."""
    return dict(choose(client, extra_body=options).tts_metadata)


def test_an_ensemble_asks_each_model_for_its_share_and_weighs_it(
    client: OpenAI, upstream: ScriptedUpstream
) -> None:
    upstream.reply = saying(small=boxed(7), large=boxed(42))
    options = {"tts_strategy": "ensemble", "tts_models": BOTH, "tts_weights": [1, 3], "tts_budget": 5}
    told = facts(client, **options, tts_include_traces=True)
    assert asked(upstream) == {"small": 3, "large": 2}
    assert (told["answer"], told["majority_answer"], told["confidence"]) == ("42", "7", None)
    assert told["consensus"] == pytest.approx(3 / 4)
    assert [trace["model"] for trace in told["traces"]] == ["small", "large", "small", "large", "small"]


def test_the_usage_is_the_sum_over_all_models(client: OpenAI, upstream: ScriptedUpstream) -> None:
    said = {"small": boxed(7), "large": "Let us see. " * 9 + boxed(42)}
    upstream.reply = saying(**said)
    body = {"tts_strategy": "ensemble", "tts_models": BOTH, "tts_budget": 4}
    usage = ask(client, extra_body=body).usage
    tokens = sum(2 * len(split_tokens(words)) for words in said.values())
    assert (usage.prompt_tokens, usage.completion_tokens) == (4 * PROMPT_TOKENS, tokens)


def test_a_model_that_fails_does_not_cost_the_answer(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.reply = saying(large=boxed(42))
    told = facts(client, tts_strategy="ensemble", tts_models=BOTH, tts_budget=4)
    assert (told["answer"], told["traces_failed"]) == ("42", 2)
    assert "No trace of 'small' could vote." in told["warnings"]


def test_a_cascade_leaves_the_large_model_alone_when_the_small_one_agrees(
    client: OpenAI, upstream: ScriptedUpstream
) -> None:
    told = facts(client, tts_strategy="cascade", tts_models=BOTH)
    assert asked(upstream) == {"small": 3}
    assert (told["stopped_by"], told["traces_used"]) == ("consensus", 3)


@pytest.mark.parametrize("broken", [error(404), error(500)])
def test_a_cascade_goes_on_to_the_large_model_when_the_small_one_fails(
    client: OpenAI, upstream: ScriptedUpstream, broken: Reply
) -> None:
    upstream.reply = lambda call: broken if call.body["model"] == "small" else text(boxed(42))
    told = facts(client, tts_strategy="cascade", tts_models=BOTH)
    assert asked(upstream) == {"small": 3, "large": 5}
    assert (told["answer"], told["rounds"]) == ("42", 2)


def test_a_mixture_has_the_aggregator_read_what_the_others_proposed(
    client: OpenAI, upstream: ScriptedUpstream
) -> None:
    upstream.reply = saying(small=boxed(7), large=boxed(8), other=boxed(42))
    options = {"tts_models": BOTH, "tts_aggregator": "other", "tts_layers": 1, "tts_proposers": 2}
    choice = choose(client, extra_body={"tts_strategy": "mixture_of_agents", **options})
    assert choice.message.content == boxed(42)
    assert asked(upstream) == {"small": 1, "large": 1, "other": 1}
    shown = upstream.calls[-1].body["messages"][-1]["content"]
    assert shown.startswith(QUESTION[0]["content"])
    assert boxed(7) in shown
    assert boxed(8) in shown


def test_an_aggregator_that_fails_leaves_the_answer_to_the_proposals(
    client: OpenAI, upstream: ScriptedUpstream
) -> None:
    upstream.reply = saying(small=boxed(42))
    options = {"tts_models": ["small"], "tts_aggregator": "other", "tts_budget": 3}
    told = facts(client, tts_strategy="mixture_of_agents", **options)
    assert told["answer"] == "42"
    assert "aggregator failed" in " ".join(told["warnings"])


def test_a_draft_is_judged_by_one_model_and_revised_by_its_own(
    client: OpenAI, upstream: ScriptedUpstream
) -> None:
    def reply(call: Call) -> Reply:
        if call.body["model"] == "other":
            return text("Wrong: add up again." if call.index == 1 else "FLAWLESS")
        return text(boxed(7 if call.index == 0 else 42))

    upstream.reply = reply
    told = facts(client, tts_strategy="self_refine", tts_budget=4, tts_judge_model="other")
    assert asked(upstream) == {"m": 2, "other": 2}
    assert (told["answer"], told["num_traces"], told["traces_used"]) == ("42", 2, 1)
    assert (told["judge_calls"]["calls"], told["judge_calls"]["failed"]) == (2, 0)


@pytest.mark.parametrize("strategy", ["ensemble", "cascade", "mixture_of_agents", "self_refine"])
def test_it_streams(client: OpenAI, upstream: ScriptedUpstream, strategy: str) -> None:
    upstream.reply = lambda _call: text(boxed(42))
    models = {} if strategy == "self_refine" else {"tts_models": BOTH}
    chunks = ask(client, stream=True, extra_body={"tts_strategy": strategy, "tts_progress": True, **models})
    said = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices]
    assert "".join(filter(None, said)) == boxed(42)


def test_a_job_tells_the_model_of_each_trace_and_is_not_extended(
    jobs: Jobs, upstream: ScriptedUpstream
) -> None:
    upstream.reply = saying(small=boxed(42), large=boxed(42))
    job = jobs.done(tts_strategy="ensemble", tts_models=BOTH, tts_budget=3)
    traces = jobs.get(f"/{job['id']}/traces").json()["data"]
    assert [trace["model"] for trace in traces] == ["small", "large", "small"]
    refused = jobs.post(f"/{job['id']}/extend", traces=2)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "strategy_not_extendable")


def test_only_the_traces_of_the_request_s_own_model_are_voted_on_again(
    jobs: Jobs, upstream: ScriptedUpstream
) -> None:
    upstream.reply = saying(small=boxed(7), large=boxed(42))
    options = {"tts_strategy": "ensemble", "tts_models": BOTH, "tts_budget": 5, "model": "large"}
    job = jobs.done(**options)
    found = jobs.post(f"/{job['id']}/revote", tts_strategy="self_consistency").json()
    told = found["choices"][0]["tts_metadata"]
    assert (told["answer"], told["num_traces"]) == ("42", 2)
    again = jobs.post(f"/{job['id']}/revote")
    assert (again.status_code, again.json()["error"]["code"]) == (400, "strategy_not_replayable")


@pytest.mark.parametrize(
    ("options", "param"),
    [
        ({"tts_strategy": "ensemble", "tts_models": ["small", "nobody"]}, "tts_models"),
        ({"tts_strategy": "cascade", "tts_models": ["nobody"]}, "tts_models"),
        ({"tts_strategy": "mixture_of_agents", "tts_aggregator": "nobody"}, "tts_aggregator"),
        ({"tts_strategy": "self_refine", "tts_judge_model": "nobody"}, "tts_judge_model"),
        ({"tts_strategy": "ensemble", "tts_models": [*"abcdefghi"]}, "tts_models"),
        ({"tts_strategy": "ensemble", "tts_models": BOTH, "tts_weights": [1]}, "tts_weights"),
        ({"tts_strategy": "ensemble", "tts_models": BOTH, "tts_weights": [1, -1]}, "tts_weights"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_models_and_weights_that_cannot_be_are_refused_before_anything_is_paid(
    service: Service, upstream: ScriptedUpstream, options: dict[str, object], param: str, stream: bool
) -> None:
    answer = post(service.url, stream=stream, **options)
    assert answer.status_code in (400, 404)
    assert answer.json()["error"]["param"].startswith(param)
    assert not upstream.calls


def test_a_line_of_a_batch_that_names_an_unknown_model_is_refused(
    client: OpenAI, upstream: ScriptedUpstream
) -> None:
    options = {"tts_strategy": "ensemble", "tts_budget": 2}
    lines = [
        line("good", **options, tts_models=BOTH),
        line("bad", **options, tts_models=["small", "nobody"]),
        line("unweighted", **options, tts_models=BOTH, tts_weights=[1]),
    ]
    errors = read(client, ended(client, hand_in(client, lines)).error_file_id)
    params = {name: row["response"]["body"]["error"]["param"] for name, row in errors.items()}
    assert params == {"bad": "tts_models", "unweighted": "tts_weights"}
    assert asked(upstream) == {"small": 1, "large": 1}
