"""What the pages say exists, and what is generated is current."""

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from asking import post
from pages import DECISIONS, PAGES, README, ROOT, anchors, code, name_of
from scripted_upstream import ScriptedUpstream
from service import Service

from app import configuration
from app.cli import main
from app.openapi import describe
from tts_core.strategies import strategies
from workers.settings import Settings

API = ROOT / "docs" / "api.md"
RELIABILITY = ROOT / "docs" / "reliability.md"
SETTINGS = {row.name for row in configuration.rows(Settings())}
OF_MAKE_AND_SHELLS = {"ARGS", "CHORUS_URL", "MAX_TOKENS", "MODEL", "PYTHON", "REPEATS", "VENV"}

every_page = pytest.mark.parametrize("page", PAGES, ids=name_of)


def test_what_is_generated_is_current() -> None:
    pages = [page for page in PAGES if "[[[cog" in page.read_text()]
    command = [sys.executable, "-m", "cogapp", "--check", "-I", "docs", *pages]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"run `make docs`\n{done.stdout}{done.stderr}"


@every_page
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\((?!https?:)([^)]+)\)", page.read_text()):
        path, _, heading = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not heading or heading in anchors(target), link


@every_page
def test_every_make_target_exists(page: Path) -> None:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(re.findall(r"\bmake ([a-z]+)", code(page))) <= set(targets)


@every_page
def test_every_command_exists_with_its_options(page: Path) -> None:
    for name, options in re.findall(r"(?<![\w/-])chorus ([a-z]+)((?: --[a-z-]+)*)", code(page)):
        command = main.commands[name]
        known = {text for found in command.params if isinstance(found, click.Option) for text in found.opts}
        assert set(options.split()) <= known, f"chorus {name}{options}"


@every_page
def test_every_variable_is_a_setting(page: Path) -> None:
    assert set(re.findall(r"\b([A-Z][A-Z_]+)=", code(page))) <= SETTINGS | OF_MAKE_AND_SHELLS


@every_page
def test_every_file_exists(page: Path) -> None:
    named = re.findall(r"\b(?:tts_core|workers|app|tests|bench|examples)/[\w/.-]+\.py\b", code(page))
    assert {path for path in named if not (ROOT / path).exists()} <= of_the_example(), page


def of_the_example() -> set[str]:
    """The files that the README tells its reader to write."""
    return {"tts_core/strategies/second_half.py", "tests/core/test_second_half.py"}


@pytest.mark.parametrize("page", [*DECISIONS, RELIABILITY], ids=name_of)
def test_every_decision_and_promise_names_tests_that_exist(page: Path) -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", page.read_text())
    assert named
    for path, test in named:
        assert f"def {test}(" in (ROOT / path).read_text(), test


@pytest.mark.parametrize("page", [README, API], ids=name_of)
def test_every_endpoint_is_documented(page: Path) -> None:
    missing = [path for path in describe(Settings())["paths"] if path not in code(page)]
    assert not missing


def test_every_strategy_has_a_section() -> None:
    sections = anchors(ROOT / "docs" / "strategies.md")
    assert {name for name in strategies() if not name.endswith("_for_tests")} <= sections


def test_every_key_of_the_metadata_is_documented(service: Service, upstream: ScriptedUpstream) -> None:
    metadata = post(service.url, tts_budget=1, tts_include_traces=True).json()["choices"][0]["tts_metadata"]
    words = set(re.findall(r"\w+", code(API)))
    assert {*metadata, *metadata["traces"][0], *metadata["answer_distribution"]["42"]} <= words
