"""`chorus eval` against a running service: nothing is paid for twice, nothing is lost."""

import csv
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from zlib import crc32

import pytest
from click.testing import CliRunner, Result
from scripted_upstream import Call, Reply, ScriptedUpstream, error, hang, text
from service import Service, clean_environment

from app.cli import main

Evaluate = Callable[..., Result]
BUDGET = 4
GOLD = {"1+1?": "2", "2+2?": "4", "3+3?": "6"}


def asked_in(call: Call) -> str:
    content: str = call.body["messages"][-1]["content"]
    return content.partition("\n")[0]


def right(call: Call) -> Reply:
    return text(f"It is \\boxed{{{GOLD[asked_in(call)]}}}.")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "data.jsonl"
    path.write_text("".join(json.dumps({"question": q, "answer": a}) + "\n" for q, a in GOLD.items()))
    return path


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def words(service: Service, data: Path, out: Path, request: pytest.FixtureRequest) -> list[str]:
    # The service knows a job again by what is asked: every test asks with a seed of its own.
    seed = str(crc32(request.node.name.encode()) % 10**6)
    return [
        "eval", str(data), "--out", str(out), "--budget", str(BUDGET), "--model", "m", "--draws", "2",
        "--seed", seed, "--strategies", "self_consistency", "--url", service.base_url,
    ]  # fmt: skip


@pytest.fixture
def evaluate(words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Evaluate:
    monkeypatch.chdir(tmp_path)
    return lambda *more: CliRunner().invoke(main, [*words, *more], catch_exceptions=False)


def accuracy(out: Path, strategy: str = "self_consistency", budget: int = BUDGET) -> float:
    with (out / "results.csv").open() as file:
        found = {(row["strategy"], row["budget"]): row["accuracy"] for row in csv.DictReader(file)}
    return float(found[strategy, str(budget)])


def test_every_problem_is_sampled_once_and_stored(
    evaluate: Evaluate, upstream: ScriptedUpstream, out: Path, words: list[str]
) -> None:
    upstream.reply = right
    assert evaluate().exit_code == 0
    assert accuracy(out) == 1.0
    assert len(upstream.calls) == BUDGET * len(GOLD)
    stored = [json.loads(line) for line in (out / "pool.jsonl").read_text().splitlines()]
    traces = [trace for pool in stored for trace in pool["traces"]]
    assert all(len(trace["token_confidences"]) == trace["tokens"] for trace in traces)

    again = evaluate("--strategies", "self_consistency,deepconf")
    assert (again.exit_code, len(upstream.calls)) == (0, BUDGET * len(GOLD))

    replayed = CliRunner().invoke(main, ["replay", str(out), *words[-6:-2], "--draws", "2"])
    assert replayed.exit_code == 0
    assert accuracy(out) == 1.0
    assert len(upstream.calls) == BUDGET * len(GOLD)


def test_a_problem_that_fails_costs_no_other_and_is_tried_again(
    evaluate: Evaluate, upstream: ScriptedUpstream, out: Path
) -> None:
    refusal = error(400)
    upstream.reply = lambda call: refusal if asked_in(call) == "2+2?" else right(call)
    first = evaluate()
    assert first.exit_code == 1
    assert "1 of 3 problems have no traces yet" in first.output
    assert "1 failed; the same command tries them again." in first.output
    paid = len(upstream.calls)

    upstream.reply = right
    assert evaluate().exit_code == 0
    assert len(upstream.calls) - paid == BUDGET
    assert accuracy(out) == 1.0


def test_what_was_under_way_at_ctrl_c_is_taken_up_again(
    words: list[str], evaluate: Evaluate, upstream: ScriptedUpstream, out: Path, tmp_path: Path
) -> None:
    upstream.reply = lambda call: hang() if asked_in(call) == "3+3?" else right(call)
    running = subprocess.Popen(
        [sys.executable, "-m", "app.cli", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, cwd=tmp_path, env=clean_environment(),
    )  # fmt: skip
    upstream.wait_for(lambda calls: len(calls) == BUDGET * len(GOLD))
    running.send_signal(signal.SIGINT)
    _, notes = running.communicate(timeout=30)
    assert running.returncode == 130
    assert "Interrupted. What is sampled is in" in " ".join(notes.split())

    upstream.reply = right
    assert evaluate().exit_code == 0
    assert accuracy(out) == 1.0


def test_a_dry_run_asks_no_model_and_stores_nothing(
    evaluate: Evaluate, upstream: ScriptedUpstream, out: Path
) -> None:
    told = evaluate("--dry-run", "--max-tokens", "100").output
    assert "3 x 4 = 12 calls to make" in told
    assert "at most 1,200 completion tokens" in told
    assert (upstream.calls, out.exists()) == ([], False)


def test_strategies_that_ask_further_questions_run_when_they_are_wanted(
    evaluate: Evaluate, upstream: ScriptedUpstream, out: Path
) -> None:
    upstream.reply = lambda call: right(call) if asked_in(call) in GOLD else text("\\boxed{1}")
    names = "self_consistency,universal_self_consistency"
    found = evaluate("--strategies", names, "--budgets", "4", "--live")
    assert found.exit_code == 0
    assert "universal_self_consistency*" in found.output
    assert accuracy(out, "universal_self_consistency") == 1.0
    paid = len(upstream.calls)
    evaluate("--strategies", names, "--budgets", "4", "--live")
    assert len(upstream.calls) == paid


def test_where_no_service_is_it_says_how_to_start_one(evaluate: Evaluate) -> None:
    found = evaluate("--url", "http://127.0.0.1:9/v1")
    assert found.exit_code == 1
    assert "start one with `chorus up`" in found.output
