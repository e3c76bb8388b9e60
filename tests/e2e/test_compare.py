"""One pool of traces, many strategies: a table, and no call more than the pool has traces."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from asking import QUESTION, in_turn, post
from jobs import Jobs
from scripted_upstream import Call, Reply, ScriptedUpstream, error, hang, text
from service import Service

COMPARE = "/v1/compare"
SURE, UNSURE = text("\\boxed{42}", confidence=18.0), text("\\boxed{7}", confidence=9.0)
SEEDS_APART = 1_000_003  # from one trace to the next
BOTH = ["self_consistency", {"strategy": "deepconf", "tts_filter_method": "top1"}]
FREE = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}

Compare = Callable[..., dict[str, Any]]


def by_seed(*replies: Reply) -> Callable[[Call], Reply]:
    """A script for requests with seed 0: trace i gets reply i."""
    return lambda call: replies[call.body["seed"] // SEEDS_APART]


@pytest.fixture
def compare(service: Service, upstream: ScriptedUpstream) -> Compare:
    """The table of a comparison."""

    def asked(*strategies: Any, **changes: Any) -> dict[str, Any]:
        answer = post(service.url, COMPARE, strategies=list(strategies), **changes)
        return dict(answer.raise_for_status().json())

    return asked


def fault(answer: httpx.Response) -> tuple[int, str, str]:
    """Status, parameter and code of a refusal."""
    found = answer.json()["error"]
    return answer.status_code, found["param"], found["code"]


def test_every_strategy_votes_over_the_same_traces(compare: Compare, upstream: ScriptedUpstream) -> None:
    upstream.reply = in_turn(SURE, UNSURE, UNSURE)
    told = compare(*BOTH, tts_budget=3)
    assert [(row["strategy"], row["answer"]) for row in told["data"]] == [
        ("self_consistency", "7"),
        ("deepconf", "42"),
    ]
    assert len(upstream.calls) == 3


def test_a_row_tells_how_its_answer_came_about(compare: Compare, upstream: ScriptedUpstream) -> None:
    upstream.reply = in_turn(SURE, UNSURE, UNSURE)
    row = compare(*BOTH, tts_budget=3)["data"][1]
    assert (row["content"], row["traces_used"], row["agreement"]) == ("\\boxed{42}", 1, 1.0)
    assert row["confidence"] == pytest.approx(18.0)
    assert (row["rounds"], row["stopped_by"], row["error"]) == (1, "complete", None)
    assert row["answer_distribution"]["42"]["votes"] == 1
    assert row["options"]["tts_filter_method"] == "top1"


def test_a_row_is_what_the_strategy_alone_would_have_answered(
    compare: Compare, service: Service, upstream: ScriptedUpstream
) -> None:
    upstream.reply = by_seed(SURE, UNSURE, UNSURE, SURE, UNSURE)
    row = compare("deepconf", seed=0, tts_budget=5)["data"][0]
    alone = post(service.url, seed=0, tts_budget=5).json()["choices"][0]
    assert row["content"] == alone["message"]["content"]
    for name in ("answer", "agreement", "confidence", "answer_distribution", "traces_used", "warnings"):
        assert row[name] == alone["tts_metadata"][name], name


def test_the_pool_is_paid_for_once(compare: Compare, upstream: ScriptedUpstream) -> None:
    told = compare(*BOTH, tts_budget=4)
    assert (told["object"], told["model"]) == ("compare", "m")
    assert (told["pool"]["traces"], told["pool"]["failed"]) == (4, 0)
    assert told["usage"]["completion_tokens"] >= told["pool"]["tokens"] > 0
    assert told["data"][0]["tokens"] == told["pool"]["tokens"]


@pytest.mark.parametrize(
    ("fields", "traces"),
    [
        ({"strategies": ["single", {"strategy": "deepconf", "tts_budget": 5}]}, 5),
        ({"strategies": ["single"]}, 1),
        ({"strategies": ["deepconf"]}, 8),
        ({"strategies": ["deepconf", "fast"]}, 8),
        ({"strategies": ["self_consistency"], "model": "m@fast"}, 6),
        ({"strategies": [{"strategy": "deepconf", "tts_budget": 5}], "tts_budget": 2}, 2),
    ],
)
def test_the_pool_is_as_large_as_told_or_as_the_largest_asked_for(
    service: Service, upstream: ScriptedUpstream, fields: dict[str, Any], traces: int
) -> None:
    told = post(service.url, COMPARE, **fields).json()
    assert (told["pool"]["traces"], len(upstream.calls)) == (traces, traces)


def test_a_strategy_that_wants_more_than_the_pool_has_is_warned_of(compare: Compare) -> None:
    row = compare({"strategy": "self_consistency", "tts_budget": 5}, tts_budget=2)["data"][0]
    assert row["warnings"] == ["It asks for 5 traces; the pool has 2."]


def test_what_all_have_in_common_is_written_once(compare: Compare) -> None:
    rows = compare("deepconf", "single", tts_budget=2, tts_confidence="tail")["data"]
    assert rows[0]["options"]["tts_confidence"] == "tail"
    assert rows[1]["warnings"] == []


def test_a_row_may_choose_its_group_size(compare: Compare, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda _: text("word " * 20 + "\\boxed{42}")
    sized = [{"strategy": "deepconf", "tts_window_size": size} for size in (4, 2048)]
    rows = compare(*sized, tts_budget=2)["data"]
    assert [row["error"] for row in rows] == [None, None]
    assert [row["options"]["tts_window_size"] for row in rows] == [4, 2048]


def test_a_strategy_that_stops_early_saves_what_it_would_not_have_sampled(
    compare: Compare, upstream: ScriptedUpstream
) -> None:
    sure, weak = (text("word " * 40 + "\\boxed{42}", confidence=c) for c in (18.0, 4.0))
    other = text("word " * 40 + "\\boxed{8}", confidence=18.0)
    upstream.reply = by_seed(sure, other, sure, other, weak, weak)
    online = {
        "strategy": "deepconf",
        "tts_mode": "online",
        "tts_warmup": 4,
        "tts_consensus": 1.0,
        "tts_window_size": 4,
    }
    told = compare(online, "self_consistency", "single", seed=0, tts_budget=6)
    early, whole, one = told["data"]
    assert early["tokens"] < whole["tokens"] == told["pool"]["tokens"]
    assert early["saved_tokens"] == told["pool"]["tokens"] - early["tokens"]
    assert (whole["saved_tokens"], one["saved_tokens"], early["rounds"]) == (0, 0, 2)
    assert one["tokens"] * 6 == pytest.approx(told["pool"]["tokens"])


def test_the_window_of_an_online_row_is_chosen_after_the_warm_up(
    compare: Compare, upstream: ScriptedUpstream
) -> None:
    upstream.reply = lambda _: text("word " * 100 + "\\boxed{42}")
    row = compare({"strategy": "deepconf", "tts_mode": "online"}, tts_budget=6)["data"][0]
    assert (row["options"]["tts_window_size"], row["error"]) == ("auto", None)
    assert any("groups of" in warning for warning in row["warnings"])


def test_a_preset_can_be_compared(compare: Compare) -> None:
    rows = compare("fast", {"strategy": "fast", "tts_budget": 3}, tts_budget=6)["data"]
    assert [row["strategy"] for row in rows] == ["fast", "fast"]
    assert [row["options"]["tts_budget"] for row in rows] == [6, 3]
    assert rows[0]["options"]["tts_certainty"] == 0.95


def test_a_strategy_that_asks_further_questions_has_an_error_in_its_row(
    compare: Compare, upstream: ScriptedUpstream
) -> None:
    rows = compare("universal_self_consistency", "self_consistency", tts_budget=2)["data"]
    assert rows[0]["error"]["code"] == "strategy_not_replayable"
    assert rows[0]["answer"] is None
    assert (rows[1]["answer"], len(upstream.calls)) == ("42", 2)
    assert set(rows[0]) == set(rows[1])


def test_nothing_is_sampled_for_strategies_that_all_ask_further_questions(
    service: Service, upstream: ScriptedUpstream
) -> None:
    answer = post(service.url, COMPARE, strategies=["universal_self_consistency", "self_refine"])
    assert fault(answer) == (400, "strategies", "strategy_not_replayable")
    assert not upstream.calls


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({}, "strategies"),
        ({"strategies": []}, "strategies"),
        ({"strategies": ["single"] * 33}, "strategies"),
        ({"strategies": [3]}, "strategies[0]"),
        ({"strategies": ["deepcomf"]}, "strategies[0].strategy"),
        ({"strategies": [{"tts_budget": 3}]}, "strategies[0].strategy"),
        (
            {"strategies": ["single", {"strategy": "deepconf", "tts_budgett": 3}]},
            "strategies[1].tts_budgett",
        ),
        ({"strategies": [{"strategy": "deepconf", "tts_budget": 513}]}, "strategies[0].tts_budget"),
        ({"strategies": [{"strategy": "deepconf", "temperature": 1}]}, "strategies[0].temperature"),
        ({"strategies": [{"strategy": "single", "tts_min_traces": 2}]}, "strategies[0].tts_min_traces"),
        ({"strategies": ["single"], "tts_budgett": 3}, "tts_budgett"),
        ({"strategies": ["single"], "tts_strategy": "single"}, "tts_strategy"),
        ({"strategies": ["single"], "stream": True}, "stream"),
        ({"strategies": ["single"], "messages": []}, "messages"),
    ],
)
def test_what_is_wrong_is_named_before_anything_is_sampled(
    service: Service, upstream: ScriptedUpstream, fields: dict[str, Any], param: str
) -> None:
    answer = post(service.url, COMPARE, **fields)
    assert fault(answer)[:2] == (400, param)
    assert not upstream.calls


def test_an_unknown_model_is_not_found(service: Service, upstream: ScriptedUpstream) -> None:
    answer = post(service.url, COMPARE, model="nobody", strategies=["single"])
    assert fault(answer) == (404, "model", "model_not_found")


def test_an_upstream_that_refuses_is_told_as_for_a_completion(
    service: Service, upstream: ScriptedUpstream
) -> None:
    upstream.reply = lambda _: error(400, message="Not today.")
    answer = post(service.url, COMPARE, strategies=BOTH)
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, "Not today.")
    assert answer.headers["x-request-id"]


def test_traces_that_fail_are_counted(compare: Compare, upstream: ScriptedUpstream) -> None:
    upstream.reply = by_seed(SURE, error(400, message="Not today."), SURE)
    told = compare("self_consistency", seed=0, tts_budget=3)
    assert (told["pool"]["traces"], told["pool"]["failed"]) == (3, 1)
    assert told["data"][0]["answer"] == "42"


def test_a_row_that_needs_more_traces_than_are_usable_has_an_error(
    compare: Compare, upstream: ScriptedUpstream
) -> None:
    upstream.reply = by_seed(SURE, error(400, message="Not today."))
    rows = compare({"strategy": "deepconf", "tts_min_traces": 2}, "single", seed=0, tts_budget=2)["data"]
    assert [row["error"] and row["error"]["code"] for row in rows] == ["no_usable_trace", None]


def test_the_same_key_is_paid_once(service: Service, upstream: ScriptedUpstream) -> None:
    body = {"model": "m", "messages": QUESTION, "strategies": BOTH, "tts_budget": 2}
    headers = {"Idempotency-Key": "compare-once"}
    one, other = (
        httpx.post(f"{service.url}{COMPARE}", json=body, headers=headers, timeout=60).json() for _ in "12"
    )
    assert one == other
    assert len(upstream.calls) == 2


def test_a_client_that_leaves_takes_the_pool_with_it(service: Service, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda _: hang()
    body = {"model": "m", "messages": QUESTION, "strategies": ["single"]}
    with httpx.Client() as gone, pytest.raises(httpx.ReadTimeout):
        gone.post(f"{service.url}{COMPARE}", json=body, timeout=1.0)
    upstream.wait_for(lambda calls: bool(calls) and all(call.aborted for call in calls))


def test_a_comparison_is_among_the_jobs(compare: Compare, jobs: Jobs) -> None:
    told = compare(*BOTH, tts_budget=2)
    job = jobs.show(told["job_id"])
    assert (job["source"], job["status"], job["model"]) == ("compare", "completed", "m")
    assert len(jobs.get(f"/{told['job_id']}/traces").json()["data"]) == 2


def test_a_jobs_traces_are_compared_for_nothing(jobs: Jobs, upstream: ScriptedUpstream) -> None:
    upstream.reply = in_turn(SURE, UNSURE, UNSURE)
    job = jobs.done(tts_budget=3)
    upstream.reset()
    told = jobs.post(f"/{job['id']}/compare", strategies=BOTH).json()
    assert [row["answer"] for row in told["data"]] == ["7", "42"]
    assert {name: told["usage"][name] for name in FREE} == FREE
    assert (told["job_id"], upstream.calls) == (job["id"], [])


def test_a_comparison_repeated_over_its_own_pool_is_the_same(
    compare: Compare, jobs: Jobs, upstream: ScriptedUpstream
) -> None:
    upstream.reply = lambda call: text("word " * 100 + f"\\boxed{{{call.index % 3}}}", confidence=8.0)
    asked = [*BOTH, {"strategy": "deepconf", "tts_mode": "online"}, "single"]
    before = compare(*asked, tts_budget=8)
    again = jobs.post(f"/{before['job_id']}/compare", strategies=asked).json()
    for one, other in zip(before["data"], again["data"], strict=True):
        assert {k: v for k, v in one.items() if k != "options"} == {
            k: v for k, v in other.items() if k != "options"
        }


def test_a_group_size_that_the_job_did_not_keep_is_its_rows_error(jobs: Jobs) -> None:
    job = jobs.done(tts_budget=2)
    entries = [{"strategy": "deepconf", "tts_window_size": 8}, "deepconf"]
    rows = jobs.post(f"/{job['id']}/compare", strategies=entries).json()["data"]
    assert [row["error"] and row["error"]["param"] for row in rows] == ["tts_window_size", None]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"strategies": ["universal_self_consistency"]}, "strategies"),
        ({"strategies": ["deepcomf"]}, "strategies[0].strategy"),
        ({"strategies": ["single"], "temperature": 1}, "temperature"),
        ({}, "strategies"),
    ],
)
def test_what_is_wrong_over_a_job_is_named(jobs: Jobs, fields: dict[str, Any], param: str) -> None:
    job = jobs.done(tts_budget=2)
    assert fault(jobs.post(f"/{job['id']}/compare", **fields))[:2] == (400, param)


def test_a_job_that_goes_on_cannot_be_compared(jobs: Jobs, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda _: hang()
    answer = jobs.post(f"/{jobs.begun(tts_budget=1)}/compare", strategies=["single"])
    assert fault(answer)[::2] == (409, "job_not_ended")


def test_nobody_compares_the_job_of_another(owners: tuple[Jobs, Jobs]) -> None:
    mine, theirs = owners
    job = mine.done(tts_budget=1)
    assert theirs.post(f"/{job['id']}/compare", strategies=["single"]).status_code == 404
