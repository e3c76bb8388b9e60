"""Public data sets as `chorus eval` reads them."""

import json
from collections.abc import Sequence
from pathlib import Path
from string import ascii_uppercase
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.eval.problems import DataError, Problem, lettered, read_problems, right_letter


def written(tmp_path: Path, *rows: Any) -> Path:
    path = tmp_path / "data.jsonl"
    path.write_text("".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows))
    return path


def read(tmp_path: Path, *rows: Any, shape: str = "auto") -> tuple[str, Sequence[Problem]]:
    return read_problems(written(tmp_path, *rows), shape)


@pytest.mark.parametrize(
    ("row", "shape", "gold"),
    [
        ({"question": "How much?", "answer": "2 * 9 = <<2*9=18>>18\n#### 1,018"}, "gsm8k", "1,018"),
        ({"problem": "Find p.", "solution": "So.", "answer": "p - q", "level": 2}, "math", "p - q"),
        ({"ID": "2024-I-4", "Problem": "Find m+n.", "Answer": 116}, "aime", "116"),
        ({"question": "Capital of Peru?", "answer": "Lima"}, "plain", "Lima"),
        ({"question": "Which?", "choices": ["red", "blue"], "answer": 1}, "choice", "B"),
        ({"question": "Which?", "options": {"A": "red", "B": "blue"}, "answer": "(b)"}, "choice", "B"),
        ({"question": "Which?", "choices": ["red", "blue"], "answer": "blue"}, "choice", "B"),
    ],
)
def test_a_format_is_known_by_its_fields(tmp_path: Path, row: dict, shape: str, gold: str) -> None:
    found, (problem,) = read(tmp_path, row)
    assert (found, problem.gold) == (shape, gold)


def test_the_options_of_a_choice_stand_below_the_question_and_are_answered_by_letter(
    tmp_path: Path,
) -> None:
    _, (problem,) = read(tmp_path, {"question": "Which?", "choices": ["red", "blue"], "answer": "A"})
    assert (problem.question, problem.answer_format) == ("Which?\n\nA. red\nB. blue", "choice")


def test_the_numbered_labels_of_arc_are_no_indexes(tmp_path: Path) -> None:
    options = {"label": ["1", "2", "3"], "text": ["ice", "iron", "wood"]}
    _, (problem,) = read(tmp_path, {"question": "Which?", "choices": options, "answerKey": "3"})
    assert problem.gold == "C"


def test_a_repeated_problem_counts_once(tmp_path: Path) -> None:
    row = {"question": "1+1?", "answer": "2"}
    assert len(read(tmp_path, row, "", row, {"question": "1+2?", "answer": "3"})[1]) == 2


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (({"question": "1+1?", "answer": "2"}, "", "{not JSON"), "line 3: not JSON"),
        (("[]",), "line 1: a list, not a JSON object"),
        (({"prompt": "1+1?"},), "no format fits its fields (prompt)"),
        (
            ({"question": "1?", "answer": "#### 1"}, {"question": "2?", "answer": "2"}),
            "line 2 (gsm8k): 'answer'",
        ),
        (
            ({"question": "1?", "answer": "1"}, {"question": " ", "answer": "2"}),
            "line 2 (plain): 'question' is",
        ),
        (({"question": "1?", "choices": ["a", "b"], "answer": "E"},), "'E' is neither a letter"),
        (({"question": "1?", "options": {"X": "a", "Y": "b"}, "answer": "X"},), "lettered X, Y, not A, B"),
        ((), "has no problems in it"),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, rows: Sequence[Any], said: str) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path, *rows)
    assert said in str(caught.value)


def test_a_format_that_is_named_is_taken(tmp_path: Path) -> None:
    row = {"question": "How much?", "answer": "#### 18"}
    assert read(tmp_path, row, shape="plain")[1][0].gold == "#### 18"


@given(options=st.lists(st.text(min_size=2), min_size=2, max_size=26, unique=True), data=st.data())
def test_an_option_is_right_by_letter_by_index_and_by_text(options: list[str], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(options) - 1))
    letter, known = ascii_uppercase[place], lettered(options)
    assert right_letter(letter, known) == right_letter(letter.lower(), known) == letter
    assert right_letter(place, known) == letter


@given(question=st.text(min_size=1), gold=st.text(min_size=1))
def test_a_problem_is_known_again_by_its_text(
    question: str, gold: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    row = {"question": f"Q{question}", "answer": f"A{gold}"}
    place = tmp_path_factory.mktemp("data")
    _, (one,) = read(place, row, shape="plain")
    _, (*_, other) = read(place, {"question": "first", "answer": "1"}, row, shape="plain")
    assert one == other
