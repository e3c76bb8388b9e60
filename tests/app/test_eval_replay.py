"""`chorus replay`: stored traces evaluated without any service."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from app.cli import main
from app.eval.collecting import body_of
from app.eval.problems import DataError, Problem
from app.eval.storage import POOL, Asked, Pool, append, keep, open_store, read_store
from app.eval.variants import read_variants
from tts_core.errors import InvalidRequest

ASKED = Asked(budget=8, body={"model": "m", "temperature": 0.7}, prompt="{question}")
TOKENS = 80
Replay = Callable[..., Result]
SOME = ("--strategies", "self_consistency,deepconf,cisc")


def trace(index: int, answer: str, confidence: float = 10.0, **changes: Any) -> dict[str, Any]:
    """A trace as the service tells it."""
    confidences = [confidence] * TOKENS
    measured = dict.fromkeys(("mean", "tail", "bottom10", "lowest_group"), confidence)
    told = {
        "index": index, "text": f"So \\boxed{{{answer}}}.", "reasoning": None, "tool_calls": None,
        "answer": answer, "finish_reason": "stop", "stop_reason": None, "confidence": measured,
        "tokens": TOKENS, "usage": {"prompt_tokens": 5, "completion_tokens": TOKENS, "cost": 0.001},
        "error": None, "first_token_s": 0.1, "elapsed_s": 1.1, "model": "m",
        "token_confidences": confidences,
    }  # fmt: skip
    return {**told, **changes}


def pool(name: str, gold: str, *answers: str, confidence: float = 10.0) -> Pool:
    traces = tuple(trace(i, answer, confidence) for i, answer in enumerate(answers))
    return Pool(problem=Problem(name * 12, f"{name}?", gold), job_id=f"job-{name}", traces=traces)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Two problems: the majority is right about one of them, and one trace of eight about the other."""
    out = tmp_path / "out"
    open_store(out, ASKED)
    keep(out, pool("a", "42", *["42"] * 6, "41", "40"))
    keep(out, pool("b", "7", *["8"] * 7, "7"))
    return out


@pytest.fixture
def replay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Replay:
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(main, ["replay", *map(str, words)], catch_exceptions=False)


def rows(out: Path) -> dict[tuple[str, str], dict[str, str]]:
    with (out / "results.csv").open() as file:
        return {(row["strategy"], row["budget"]): row for row in csv.DictReader(file)}


def test_the_whole_pool_votes_as_it_would_have_then(store: Path, replay: Replay) -> None:
    assert replay(store, "--strategies", "self_consistency", "--budgets", "8").exit_code == 0
    row = rows(store)["self_consistency", "8"]
    assert (row["accuracy"], row["problems"], row["tokens"]) == ("0.5", "2", str(8 * TOKENS))
    assert (float(row["parallel_s"]), float(row["serial_s"])) == pytest.approx((1.1, 8.8))
    assert float(row["cost"]) == pytest.approx(0.008)


def test_the_references_know_one_trace_and_a_judge_that_is_never_wrong(store: Path, replay: Replay) -> None:
    replay(store, "--strategies", "single", "--budgets", "1,8")
    found = json.loads((store / "results.json").read_text())
    assert found["pass_at_1"] == pytest.approx((6 / 8 + 1 / 8) / 2)
    assert found["pass_at_k"]["8"] == 1.0


def test_the_same_seed_gives_the_same_files_and_the_plot_is_xml(store: Path, replay: Replay) -> None:
    names = ("results.csv", "results.json", "accuracy.svg")
    replay(store, *SOME, "--draws", "2")
    before = [(store / name).read_text() for name in names]
    replay(store, *SOME, "--draws", "2")
    assert [(store / name).read_text() for name in names] == before
    assert ElementTree.fromstring(before[-1]).tag.endswith("svg")


def test_strategies_that_ask_further_questions_are_left_out_by_name(store: Path, replay: Replay) -> None:
    told = replay(store, "--strategies", "self_refine,self_consistency", "--budgets", "4").output
    assert "Left out: self_refine." in told
    assert "--live" in told


def test_weak_traces_are_stopped_where_their_confidences_fall(tmp_path: Path, replay: Replay) -> None:
    out = tmp_path / "out"
    open_store(out, ASKED)
    weak = [10.0] * (TOKENS // 2) + [1.0] * (TOKENS // 2)
    traces = [trace(i, str(i % 3), 10 + i / 100) for i in range(4)]
    traces += [trace(i, "9", token_confidences=weak) for i in range(4, 8)]
    keep(out, Pool(problem=Problem("c" * 12, "c?", "0"), job_id="job-c", traces=tuple(traces)))
    names = "self_consistency,deepconf:mode=online,window_size=8"
    replay(out, "--strategies", names, "--budgets", "8", "--draws", "16")
    found = rows(out)
    tokens = float(found["deepconf:mode=online,window_size=8", "8"]["tokens"])
    assert TOKENS < tokens < float(found["self_consistency", "8"]["tokens"])


def test_answers_that_mean_the_same_are_graded_as_the_vote_would_take_them(
    tmp_path: Path, replay: Replay
) -> None:
    out = tmp_path / "out"
    open_store(out, ASKED)
    keep(out, pool("d", "2\\sqrt{2}", "\\sqrt{8}"))
    keep(out, pool("e", "1/2", "\\frac{1}{2}"))
    replay(out, "--strategies", "self_consistency", "--budgets", "1")
    assert rows(out)["self_consistency", "1"]["accuracy"] == "1"


def test_one_file_without_texts_tells_the_same(store: Path, tmp_path: Path, replay: Replay) -> None:
    packed, again = tmp_path / "pool.jsonl.gz", tmp_path / "again"
    replay(store, *SOME, "--export", packed, "--no-texts", "--budgets", "4", "--draws", "2")
    assert replay(packed, *SOME, "--out", again, "--budgets", "4", "--draws", "2").exit_code == 0
    assert rows(again) == rows(store)


def test_a_line_that_a_crash_broke_off_is_as_if_never_written(store: Path) -> None:
    with (store / POOL).open("a") as file:
        file.write('{"problem": {"id": "ccc')
    append(store / POOL, json.loads((store / POOL).read_text().split("\n")[0]))
    assert [pool.problem.question for pool in read_store(store).pools.values()] == ["a?", "b?"]


def test_traces_that_were_asked_otherwise_are_not_mixed(store: Path) -> None:
    other = Asked(budget=8, body={"model": "m", "temperature": 1.0}, prompt="{question}")
    with pytest.raises(DataError, match=r"body.temperature: 0.7 then, 1.0 now"):
        open_store(store, other)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--strategies", "deepcnf"), "Did you mean 'deepconf'?"),
        (("--strategies", "deepconf:etta=10"), "Did you mean 'eta'?"),
        (("--strategies", "deepconf:eta=1000"), "Must be"),
        (("--budgets", "16"), "Budget 16: the pool has 8 traces a problem."),
    ],
)
def test_a_mistake_is_told_with_what_was_meant(
    store: Path, replay: Replay, words: tuple[str, ...], said: str
) -> None:
    found = replay(store, *words)
    assert found.exit_code == 1
    assert said in found.output


def test_a_place_without_traces_says_so(tmp_path: Path, replay: Replay) -> None:
    open_store(tmp_path / "out", ASKED)
    assert "has no traces yet" in replay(tmp_path / "out").output
    (tmp_path / "other.jsonl").write_text('{"question": "1+1?"}\n')
    assert "is no pool of traces" in replay(tmp_path / "other.jsonl").output


def test_options_go_with_the_strategy_before_them() -> None:
    found = read_variants("single,deepconf:mode=online,eta=10,cisc")
    assert [variant.name for variant in found] == ["single", "deepconf:mode=online,eta=10", "cisc"]
    assert found[1].fields == {"tts_strategy": "deepconf", "tts_mode": "online", "tts_eta": 10}
    with pytest.raises(InvalidRequest):
        read_variants(" , ")


@pytest.mark.parametrize(
    ("hint", "end"), [(True, "where X is the letter of the right option."), (False, "B. blue")]
)
def test_multiple_choice_is_asked_for_a_letter_and_not_for_a_box(hint: bool, end: str) -> None:
    asked = Asked(
        budget=2, body={"model": "m", **({"tts_answer_hint": True} if hint else {})}, prompt="{question}"
    )
    body = body_of(asked, Problem("f" * 12, "Which?\n\nA. red\nB. blue", "B", "choice"))
    assert body["messages"][-1]["content"].endswith(end)
    assert "tts_answer_hint" not in body
    assert (body["tts_answer_format"], body["tts_keep_confidences"]) == ("choice", True)
