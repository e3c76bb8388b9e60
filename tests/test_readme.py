"""What the README shows, done as its reader would do it; only the host is another."""

import io
import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path

import pytest
from clients.conftest import list_models  # noqa: F401 - a fixture
from clients.official import COMPLETION, check
from pages import README, ROOT, fenced
from scripted_upstream import ScriptedUpstream
from service import Service

HOST = "http://localhost:8001"


@pytest.fixture(autouse=True)
def listed(request: pytest.FixtureRequest) -> None:
    """The upstream lists the README's model, where a test has one."""
    if "service" in request.fixturenames:
        request.getfixturevalue("list_models")("m", "openai/gpt-4o-mini")


def snippet(language: str, word: str, service: Service) -> str:
    """The block that uses `word`, pointed at the running service."""
    (found,) = [text for text in fenced(README, language) if re.search(word, text) and HOST in text]
    return found.replace(HOST, service.url)


def test_the_python_snippet_prints_answer_confidence_and_agreement(
    service: Service, upstream: ScriptedUpstream
) -> None:
    names: dict[str, object] = {}
    with redirect_stdout(io.StringIO()) as printed:
        exec(snippet("python", "OpenAI", service), names)  # as it is printed
    names["client"].close()
    assert printed.getvalue() == "The answer is \\boxed{42}.\nConfidence: 15.0\nAgreement: 1.0\n"
    assert len(upstream.calls) == 8


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_curl_command_prints_a_completion(service: Service, upstream: ScriptedUpstream) -> None:
    command = ["bash", "-c", snippet("bash", "^curl", service)]
    done = subprocess.run(command, capture_output=True, check=True, timeout=60)
    check(COMPLETION, json.loads(done.stdout))


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_commands_of_jobs_follow_one_to_its_result(
    service: Service, upstream: ScriptedUpstream
) -> None:
    command = ["bash", "-c", snippet("bash", "^job=", service)]
    done = subprocess.run(command, capture_output=True, check=True, timeout=60, text=True)
    *events, job = done.stdout.strip().split("\n", 10)
    assert events == ["event: round", *["event: trace"] * 8, "event: end"]
    check(COMPLETION, json.loads(job)["result"])


def test_the_response_it_shows_has_the_keys_of_a_real_one(
    service: Service, upstream: ScriptedUpstream
) -> None:
    command = ["bash", "-c", snippet("bash", "^curl", service)]
    real = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=60).stdout)
    (shown,) = [json.loads(text) for text in fenced(README, "json")]
    assert names_in(shown) - {"Canberra"} <= names_in(real)


def names_in(value: object) -> set[str]:
    """All keys, at any depth."""
    if isinstance(value, list):
        return set().union(*map(names_in, value))
    if isinstance(value, dict):
        return set(value).union(*map(names_in, value.values()))
    return set()


def test_the_strategy_it_adds_passes_its_test_as_one_new_file(tmp_path: Path) -> None:
    strategy, test = [text for text in fenced(README, "python") if "tts_core" in text]
    places = re.findall(r"`((?:tts_core|tests)/\S+second_half\.py)`", README.read_text())
    shutil.copytree(ROOT / "tts_core", tmp_path / "tts_core", ignore=shutil.ignore_patterns("__pycache__"))
    for place, text in zip(places, (strategy, test), strict=True):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text(text)
    contract = shutil.copy(ROOT / "tests" / "contract" / "test_strategies.py", tmp_path)
    options = ("-v", "-c", os.devnull, "--rootdir", tmp_path, "-p", "no:cacheprovider")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, tmp_path / places[1], contract],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "test_it_comes_to_a_vote[second_half] PASSED" in done.stdout
