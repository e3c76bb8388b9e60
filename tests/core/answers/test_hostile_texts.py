"""A megabyte of anything is read in well under a second of CPU time."""

import time

import pytest

from tts_core.answers import key, read_answer

SIZE = 1_000_000
PIECES = [
    "\\boxed{", "\\boxed", "\\", "{", "}", "$", "*", "9", "1,", "[", '{"a":', '["', "[1,", "A ",
    "answer is ", "answer to ", "the answer is not ", "####\n", "Answer: ", "答案是", "```json\n",
    "\\frac{1}{", "9^{", "is ", "= ", "so ", "(A) ", "½", "\ud800", " ", "\n", "</think>",
]  # fmt: skip
FORMATS = ["auto", "boxed", "choice", "number", "json", "text", r"regex:a(?:[^b]*b)?|\s*\{|\d"]


@pytest.mark.parametrize("answer_format", FORMATS)
@pytest.mark.parametrize("piece", PIECES)
def test_a_repeated_piece_is_read_in_linear_time(piece: str, answer_format: str) -> None:
    text = piece * (SIZE // len(piece))
    started = time.process_time()
    read_answer(text, answer_format)
    assert time.process_time() - started < 2.0


@pytest.mark.parametrize(
    "answer",
    [
        "9^{9^{9}}",
        "1e999999999",
        "1e-999999999",
        "10^{10^{10}}",
        "2 \\times 10^{99999999}",
        "9" * 5000,
        "0." + "1" * 5000,
        "\\frac{" + "9" * 900 + "e400}{" + "7" * 900 + "e-400}",
        "9" * SIZE,
        "{" * SIZE,
        "(1," * SIZE,
    ],
)
def test_a_huge_number_is_compared_without_being_computed(answer: str) -> None:
    started = time.process_time()
    assert key(answer) == key(answer)
    assert time.process_time() - started < 1.0
