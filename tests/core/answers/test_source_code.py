"""Code as an answer: where it stands, and that hostile sources cost no more than a moment."""

import time
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts_core.answers import read_answer

MOMENT_S = 2.0
ADD = "def add(a, b):\n    return a + b"


def key_of(text: str) -> str | None:
    answer = read_answer(text, "code")
    return answer.key if answer else None


def fenced(source: str, language: str = "python") -> str:
    return f"Here it is:\n\n```{language}\n{source}\n```\nIt works."


def test_the_last_fence_is_the_answer() -> None:
    answer = read_answer(fenced("x = 1") + "\n" + fenced(ADD), "code")
    assert answer
    assert answer.text == ADD


def test_a_text_that_is_code_needs_no_fence() -> None:
    assert key_of(ADD) == key_of(fenced(ADD))


@pytest.mark.parametrize(
    "text", ["Paris", "42", "I think so.", "Use a loop", "", "```python\nx = 1", "```\n\n```"]
)
def test_a_text_without_code_has_no_answer(text: str) -> None:
    assert key_of(text) is None


def test_code_that_was_cut_off_is_no_answer() -> None:
    assert read_answer("```python\nx = 1\ny = ", "code", complete=False) is None
    assert read_answer(ADD, "code", complete=False) is None


@given(
    st.text()
    | st.lists(st.sampled_from(["```", "\n", "python", "x = 1", "{", "}", ";", "'", "#", "/*"])).map(
        "".join
    )
)
def test_any_text_reads_without_an_error_or_a_warning(text: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_answer(text, "code")


@pytest.mark.parametrize(
    "source",
    [
        "(" * 30_000,
        "(" * 80 + ")" * 80,
        "[" * 89 + "]" * 89,
        "-" * 30_000 + "1",
        "not " * 9_000 + "x",
        "a." * 19_000 + "a",
        "x = " * 9_000 + "1",
        "f" + '"' * 30_000,
        "lambda: " * 4_000 + "1",
        "if x:\n" + "".join(" " * n + "if x:\n" for n in range(1, 150)) + " " * 150 + "x = 1",
        "1" * 39_000,
        "'" * 60_001,
        "`" * 60_001,
        "/*" * 60_000,
        "//" * 60_000 + "\n",
        '"\\' * 60_000,
        "# " * 60_000,
        "{" * 60 + "lambda: " * 60 + "}" * 60,
        "**a, " * 5_000,
        "match x:\n case " + "(" * 80 + ")" * 80 + ": pass",
    ],
    ids=lambda source: source[:12],
)
@pytest.mark.parametrize("language", ["python", "js", "sh", "sql", "yaml"])
def test_a_hostile_source_is_read_in_a_moment(source: str, language: str) -> None:
    began_s = time.monotonic()
    read_answer(fenced(source, language), "code")
    read_answer("```" + language + "\n" + source, "code")
    read_answer(source, "code")
    assert time.monotonic() - began_s < MOMENT_S


def test_many_fences_are_read_in_a_moment() -> None:
    began_s = time.monotonic()
    read_answer("```\n" * 50_001, "code")
    read_answer("\n".join(f"{'`' * n}" for n in range(3, 900)), "code")
    assert time.monotonic() - began_s < MOMENT_S
