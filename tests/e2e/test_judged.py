"""Strategies with a judge through the whole service: who is asked what, at what cost, and if it fails."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from asking import ask, post
from jobs import Jobs
from openai import OpenAI
from scripted_scorer import ScriptedScorer
from scripted_upstream import PROMPT_TOKENS, Call, Reply, ScriptedUpstream, error, hang, text
from service import Service, running

SCORER_KEY = "sk-scorer-secret"
STRATEGIES = ("best_of_n", "pairwise_tournament", "universal_self_consistency")
JUDGED = {"tts_strategy": "best_of_n", "tts_budget": 3}


def judges(call: Call) -> bool:
    """Whether a call judges: it is shown candidates."""
    return "<candidate>" in call.body["messages"][-1]["content"]


def answers(call: Call) -> Reply:
    """Two traces say 7, all others 9."""
    return text(f"I say \\boxed{{{7 if call.index < 2 else 9}}}.")


def script(judging: Callable[[Call], Reply]) -> Callable[[Call], Reply]:
    """Traces answer, judge calls are replied to by `judging`."""
    return lambda call: judging(call) if judges(call) else answers(call)


def likes_nine(call: Call) -> Reply:
    """A judge of every kind that finds 9 the better answer."""
    shown = call.body["messages"][-1]["content"]
    found = re.findall(r"boxed\{(\d)\}", shown)
    if len(found) == 1:
        return text(f"[[{found[0]}]]")
    if "Candidate A" in shown:
        return text("[[A]]" if found[0] == "9" else "[[B]]")
    return text(f"I take [[{found.index('9') + 1}]]")


@pytest.fixture
def jobs(service: Service, upstream: ScriptedUpstream) -> Iterator[Jobs]:
    found = Jobs(service.url)
    yield found
    found.stop()


@pytest.fixture(scope="module")
def scorer() -> Iterator[ScriptedScorer]:
    with ScriptedScorer() as found:
        yield found


@pytest.fixture(scope="module")
def scoring(
    upstream_server: ScriptedUpstream, scorer: ScriptedScorer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A service whose operator lists a scorer."""
    settings = {
        "UPSTREAM_BASE_URL": upstream_server.base_url,
        "DEFAULT_MODEL": "m",
        "SCORERS": f"grader={scorer.url}",
        "SCORER_API_KEY": SCORER_KEY,
        "UPSTREAM_RETRIES": "0",
        "CHECK_MODELS": "0",
    }
    with running(tmp_path_factory.mktemp("scoring"), settings) as found:
        yield found


@pytest.mark.parametrize(("strategy", "calls"), list(zip(STRATEGIES, (2, 2, 1), strict=True)))
def test_a_judge_overrules_the_majority_and_is_paid_for(
    client: OpenAI, upstream: ScriptedUpstream, strategy: str, calls: int
) -> None:
    upstream.reply = script(likes_nine)
    answer = ask(client, extra_body={"tts_strategy": strategy, "tts_budget": 3})
    told = answer.choices[0].tts_metadata
    assert (told["answer"], told["majority_answer"], told["num_traces"]) == ("9", "7", 3)
    judged = [call for call in upstream.calls if judges(call)]
    tokens = sum(PROMPT_TOKENS + call.tokens_sent for call in judged)
    assert told["judge_calls"] == {"calls": calls, "failed": 0, "tokens": tokens}
    assert len(judged) == calls
    assert answer.usage.prompt_tokens == PROMPT_TOKENS * len(upstream.calls)
    assert answer.usage.completion_tokens == sum(call.tokens_sent for call in upstream.calls)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_judge_that_fails_costs_no_answer(
    service: Service, upstream: ScriptedUpstream, strategy: str
) -> None:
    upstream.reply = script(lambda _call: error(400, message="no judging here"))
    answer = post(service.url, tts_strategy=strategy, tts_budget=3)
    told = answer.json()["choices"][0]["tts_metadata"]
    assert (answer.status_code, told["answer"], told["traces_failed"]) == (200, "7", 0)
    assert told["judge_calls"]["failed"] == told["judge_calls"]["calls"] > 0
    assert any("judge" in warning.lower() for warning in told["warnings"])


def test_an_upstream_that_breaks_down_before_it_judges_costs_no_answer(
    scoring: Service, upstream: ScriptedUpstream
) -> None:
    upstream.reply = script(lambda _call: error(500))
    answer = post(scoring.url, **JUDGED)
    told = answer.json()["choices"][0]["tts_metadata"]
    assert (answer.status_code, told["answer"], told["judge_calls"]["failed"]) == (200, "7", 2)


def test_the_judge_is_the_model_that_was_named(scoring: Service, upstream: ScriptedUpstream) -> None:
    upstream.reply = script(likes_nine)
    assert post(scoring.url, **JUDGED, tts_judge_model="a-judge").status_code == 200
    assert {(judges(call), call.body["model"]) for call in upstream.calls} == {
        (False, "m"),
        (True, "a-judge"),
    }


def test_an_unknown_judge_is_refused_before_anything_is_paid(
    service: Service, upstream: ScriptedUpstream
) -> None:
    answer = post(service.url, **JUDGED, tts_judge_model="nobody")
    assert (answer.status_code, answer.json()["error"]["param"]) == (404, "tts_judge_model")
    assert upstream.calls == []


def test_a_deadline_that_passes_while_the_judge_thinks_answers_by_the_plain_vote(
    service: Service, upstream: ScriptedUpstream
) -> None:
    upstream.reply = script(lambda _call: hang())
    answer = post(service.url, **JUDGED, tts_deadline_s=1.5)
    told = answer.json()["choices"][0]["tts_metadata"]
    assert (answer.status_code, told["answer"], told["stopped_by"]) == (200, "7", "deadline")
    assert "plain vote" in " ".join(told["warnings"])


def test_a_token_cap_that_is_reached_before_judging_answers_by_the_plain_vote(
    service: Service, upstream: ScriptedUpstream
) -> None:
    upstream.reply = script(likes_nine)
    told = post(service.url, **JUDGED, tts_max_total_tokens=1).json()["choices"][0]["tts_metadata"]
    assert (told["stopped_by"], "judge_calls" in told) == ("token_cap", False)


def test_judge_calls_are_told_apart_while_they_go_on(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.reply = script(likes_nine)
    stream = ask(client, stream=True, extra_body={**JUDGED, "tts_progress": True})
    deltas = [chunk.choices[0].delta for chunk in stream if chunk.choices]
    told: list[dict[str, Any]] = [delta.tts for delta in deltas if hasattr(delta, "tts")]
    assert [word["type"] for word in told] == ["round", *["trace"] * 3, "round", *["judge"] * 2]
    assert (told[3]["ended"], told[3]["planned"]) == (3, 3)
    assert (told[4]["traces"], told[4]["judge_calls"]) == (0, 2)


def test_a_job_lists_judge_calls_as_such_and_counts_traces_only(
    jobs: Jobs, upstream: ScriptedUpstream
) -> None:
    upstream.reply = script(likes_nine)
    job = jobs.done(**JUDGED)
    listed = jobs.get(f"/{job['id']}/traces").json()["data"]
    assert [trace["judge"] for trace in listed] == [False] * 3 + [True] * 2
    assert {trace["voted"] for trace in listed if trace["judge"]} == {False}
    assert (job["progress"]["traces"]["planned"], job["progress"]["traces"]["done"]) == (3, 3)


def test_a_job_whose_judge_still_thinks_does_not_say_that_it_is_done(
    jobs: Jobs, upstream: ScriptedUpstream
) -> None:
    upstream.reply = script(lambda _call: hang())
    job_id = jobs.begun(**JUDGED)
    upstream.wait_for(lambda calls: sum(map(judges, calls)) == 2)
    found = jobs.show(job_id)
    assert (found["status"], found["progress"]["eta_s"]) == ("in_progress", None)
    assert found["progress"]["traces"] == {"planned": 3, "done": 3, "running": 0, "failed": 0, "stopped": 0}


def test_an_estimate_tells_judge_calls(service: Service) -> None:
    told = httpx.post(
        f"{service.url}/v1/estimate",
        json={"model": "m", "messages": [{"role": "user", "content": "?"}], **JUDGED},
        timeout=30,
    ).json()
    assert (told["calls"], told["judge_calls"]) == (
        {"at_least": 3, "at_most": 6},
        {"at_least": 0, "at_most": 3},
    )


def scores(**by_answer: float) -> Callable[[dict[str, Any]], tuple[int, bytes]]:
    """A scorer that goes by the answer."""

    def reply(asked: dict[str, Any]) -> tuple[int, bytes]:
        found = re.search(r"boxed\{(\d)\}", asked["answer"])
        assert found
        return 200, json.dumps({"score": by_answer[f"a{found[1]}"]}).encode()

    return reply


SCORED = {"tts_strategy": "best_of_n", "tts_budget": 3, "tts_scorer": "http:grader"}


def test_a_scorer_of_the_operator_chooses(
    scoring: Service, upstream: ScriptedUpstream, scorer: ScriptedScorer
) -> None:
    upstream.reply = answers
    scorer.reply = scores(a7=-2.5, a9=0.001)
    scorer.asked, scorer.headers = [], []
    body = post(scoring.url, **SCORED).json()
    told = body["choices"][0]["tts_metadata"]
    assert (told["answer"], told["judge_calls"]) == ("9", {"calls": 3, "failed": 0, "tokens": 0})
    assert told["answer_distribution"]["9"]["weight"] == 0.001
    assert {json.dumps(asked["messages"]) for asked in scorer.asked} == {
        json.dumps([{"role": "user", "content": "What is 6*7?"}])
    }
    assert (scorer.asked[0]["model"], scorer.headers[0]["authorization"]) == ("m", f"Bearer {SCORER_KEY}")
    assert body["usage"]["completion_tokens"] == sum(call.tokens_sent for call in upstream.calls)
    assert not any("account" in warning for warning in told["warnings"])


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b'{"score": NaN}'),
        (200, b'{"score": 1e999}'),
        (200, b'{"score": "9"}'),
        (200, b"[]"),
        (200, b""),
        (401, b'{"error": "wrong key ' + SCORER_KEY.encode() + b'"}'),
        (500, b"boom"),
    ],
)
def test_a_scorer_that_fails_costs_no_answer_and_tells_no_secret(
    scoring: Service, upstream: ScriptedUpstream, scorer: ScriptedScorer, status: int, body: bytes
) -> None:
    upstream.reply = answers
    scorer.reply = lambda _asked: (status, body)
    answer = post(scoring.url, **SCORED, tts_include_traces=True)
    told = answer.json()["choices"][0]["tts_metadata"]
    assert (answer.status_code, told["answer"], told["judge_calls"]["failed"]) == (200, "7", 3)
    written = [scoring.log, *(path for path in scoring.data_dir.rglob("*") if path.is_file())]
    assert SCORER_KEY not in answer.text
    assert not [path for path in written if SCORER_KEY.encode() in path.read_bytes()]


def test_a_scorer_sends_us_nowhere_else(
    scoring: Service, upstream: ScriptedUpstream, scorer: ScriptedScorer
) -> None:
    upstream.reply = answers
    scorer.reply = lambda _asked: (307, upstream.base_url.encode())
    told = post(scoring.url, **SCORED).json()["choices"][0]["tts_metadata"]
    assert (told["answer"], told["judge_calls"]["failed"], len(upstream.calls)) == ("7", 3, 3)


@pytest.mark.parametrize("word", ["http:other", "http://127.0.0.1:1/", "https://127.0.0.1/", "http:"])
def test_a_client_names_no_host(scoring: Service, upstream: ScriptedUpstream, word: str) -> None:
    answer = post(scoring.url, **{**SCORED, "tts_scorer": word})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "tts_scorer")
    assert upstream.calls == []
