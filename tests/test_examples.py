"""The examples, run as a reader would run them."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from asking import in_turn
from scripted_upstream import ScriptedUpstream, error, text
from service import Service, clean_environment

EXAMPLES = Path(__file__).parent.parent / "examples"
PLAIN = {"PYTHONUTF8": "1", "NO_PROXY": "127.0.0.1"}


def run(service: Service, name: str, *arguments: str, status: int = 0) -> str:
    """What an example printed; its base URL comes from the environment."""
    command = [sys.executable, EXAMPLES / f"{name}.py", *arguments]
    environment = clean_environment() | PLAIN | {"CHORUS_BASE_URL": service.base_url}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == status, done.stderr
    return done.stdout + done.stderr


def test_there_is_an_example_for_each_that_is_tested() -> None:
    found = {file.stem for file in EXAMPLES.glob("*.py")}
    assert found == {"simple_client", "batch_requests", "compare_strategies", "scorer"}


@pytest.mark.parametrize("name", ["simple_client", "batch_requests", "compare_strategies"])
def test_an_example_explains_itself(service: Service, name: str) -> None:
    shown = run(service, name, "--help")
    assert {"--base-url", "--model"} <= set(re.findall(r"--[\w-]+", shown))


def test_the_simple_client_shows_the_answer_and_its_votes(
    service: Service, upstream: ScriptedUpstream
) -> None:
    upstream.reply = in_turn(text("It is \\boxed{4}."), text("It is \\boxed{5}.", confidence=5.0))
    shown = run(service, "simple_client", "2+2?", "--model", "m")
    assert shown.startswith("It is \\boxed{4}.")
    assert re.search(r"^ +4 +█+ +4 votes$", shown, re.MULTILINE)
    assert re.search(r"^Agreement: +80%$", shown, re.MULTILINE)
    assert re.search(r"^Confidence: 13.0 nats$", shown, re.MULTILINE)


def test_the_simple_client_takes_a_strategy_and_a_budget(
    service: Service, upstream: ScriptedUpstream
) -> None:
    shown = run(service, "simple_client", "--model", "m", "--strategy", "self_consistency", "--budget", "3")
    assert "self_consistency: 3 traces, 3 voted" in shown
    assert upstream.calls[0].body["messages"][0]["content"] == "Solve step by step: 2+2=?"


def test_the_simple_client_tells_an_error_in_one_line(service: Service, upstream: ScriptedUpstream) -> None:
    shown = run(service, "simple_client", "--model", "m", "--strategy", "deepcomf", status=1)
    assert shown.startswith("error: ")
    assert "Did you mean 'deepconf'" in shown
    assert "Traceback" not in shown


def test_the_batch_answers_every_question_in_order(
    service: Service, upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    upstream.reply = lambda call: text(f"\\boxed{{{call.body['messages'][0]['content']}}}")
    file = tmp_path / "questions.txt"
    file.write_text("".join(f"{number}\n\n" for number in range(101, 113)))
    shown = run(service, "batch_requests", str(file), "--model", "m", "--budget", "2")
    assert re.findall(r"→ (\d+)", shown) == [str(number) for number in range(101, 113)]
    assert "12/12" in shown


def test_the_batch_goes_on_when_a_question_fails(
    service: Service, upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    refused = error(400, message="I do not like it.")
    upstream.reply = lambda call: (
        refused if call.body["messages"][0]["content"] == "bad" else text("\\boxed{1}")
    )
    file = tmp_path / "questions.txt"
    file.write_text("good\nbad\n")
    shown = run(service, "batch_requests", str(file), "--model", "m", "--budget", "1", status=1)
    assert "→ 1" in shown
    assert "✗" in shown
    assert "I do not like it." in shown
    assert "1 of 2 questions failed" in shown


def test_the_batch_has_questions_of_its_own(service: Service, upstream: ScriptedUpstream) -> None:
    shown = run(service, "batch_requests", "--model", "m", "--budget", "1")
    assert shown.count("→ 42") == 5


@pytest.mark.parametrize("name", ["simple_client", "batch_requests", "compare_strategies"])
def test_an_example_copes_with_traces_that_have_no_answer(
    service: Service, upstream: ScriptedUpstream, name: str
) -> None:
    upstream.reply = lambda _call: text("Well, who knows.", logprobs=False)
    run(service, name, "--model", "m")


def test_the_comparison_has_a_row_for_every_strategy(service: Service, upstream: ScriptedUpstream) -> None:
    shown = run(service, "compare_strategies", "--model", "m", "--budget", "4")
    rows = {line.split()[0]: line.split() for line in shown.splitlines() if line}
    assert rows["strategy"] == ["strategy", "answer", "agreement", "confidence", "tokens", "saved"]
    assert {"deepconf", "self_consistency", "single"} <= rows.keys()
    assert rows["deepconf"][1:4] == ["42", "100%", "15.0"]


def test_the_comparison_samples_once_for_all_strategies(
    service: Service, upstream: ScriptedUpstream
) -> None:
    shown = run(service, "compare_strategies", "--model", "m", "--budget", "4")
    assert "4 traces were sampled once" in shown
    assert len(upstream.calls) == 4


def test_the_comparison_shows_a_strategy_that_cannot_be_compared(
    service: Service, upstream: ScriptedUpstream
) -> None:
    shown = run(service, "compare_strategies", "--model", "m")
    assert re.search(r"^universal_self_consistency +✗ .*further questions", shown, re.MULTILINE)


def test_the_comparison_tells_an_error_in_one_line(service: Service, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda _call: error(400, message="Not today.")
    assert run(service, "compare_strategies", "--model", "m", status=1) == "error: Not today.\n"


@contextmanager
def scorer() -> Iterator[str]:
    """Where the example's scorer is asked."""
    command = [sys.executable, EXAMPLES / "scorer.py", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def test_the_scorer_prefers_a_short_answer_in_a_box() -> None:
    said = ("It is \\boxed{42}.", "It is 42.", "It is, after all, \\boxed{42}.")
    with scorer() as url:
        asked = ({"model": "m", "messages": [], "answer": answer} for answer in said)
        scores = [httpx.post(url, json=body, trust_env=False).json()["score"] for body in asked]
    assert scores[1] < scores[2] < scores[0]
