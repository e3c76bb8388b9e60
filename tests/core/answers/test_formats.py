"""One answer format each."""

import pytest

from tts_core.answers import check_answer_format, read_answer
from tts_core.errors import InvalidRequest


@pytest.mark.parametrize(
    "answer_format", ["auto", "boxed", "choice", "number", "json", "text", r"regex:(\d+)"]
)
def test_a_known_format_is_returned_as_it_is(answer_format: str) -> None:
    assert check_answer_format(answer_format) == answer_format


@pytest.mark.parametrize("answer_format", ["", "latex", "Auto", "regex", "regex:", "regex:("])
def test_an_unknown_format_is_refused_under_its_field(answer_format: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        check_answer_format(answer_format)
    assert refusal.value.param == "tts_answer_format"
    assert repr(answer_format) in refusal.value.message


def test_a_refusal_lists_what_is_allowed() -> None:
    with pytest.raises(InvalidRequest, match="auto, boxed, choice, number, json, text, code or regex:"):
        check_answer_format("latex")


def test_a_broken_pattern_is_refused_with_the_reason() -> None:
    with pytest.raises(InvalidRequest, match=r"missing \)"):
        check_answer_format("regex:(")


def test_a_pattern_that_needs_backtracking_is_refused() -> None:
    with pytest.raises(InvalidRequest, match=r"invalid perl operator"):
        check_answer_format("regex:(?=a)")


def key_of(text: str, answer_format: str, *, complete: bool = True) -> str | None:
    answer = read_answer(text, answer_format, complete=complete)
    return answer and answer.key


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\\boxed{1} \\boxed{2}", "number:2"),
        ("\\boxed{1} \\boxed{2", "number:1"),
        ("\\boxed{1} \\boxed{ }", "number:1"),
        ("\\fbox{7}", "number:7"),
        ("\\boxed{\\frac{1}{\\sqrt{2}}}", "math:\\frac1{\\sqrt2}"),
        ("\\boxed{\\{1\\}}", "math:\\{1\\}"),
        ("\\boxed{\\boxed{5}}", "number:5"),
        ("{{ \\boxed{5}", "number:5"),
        ("\\boxed 5$", "number:5"),
        ("\\boxed\\pi", "math:\\pi"),
        ("\\\\boxed{5}", "number:5"),
        ("I have boxed the gift", None),
        ("boxed{5}", None),
        ("\\boxed{12", None),
        ("The answer is 5", None),
    ],
)
def test_boxed_reads_the_last_balanced_box(text: str, expected: str | None) -> None:
    assert key_of(text, "boxed") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("B", "letter:B"),
        ("b", "letter:B"),
        ("(b)", "letter:B"),
        ("B.", "letter:B"),
        ("**B**", "letter:B"),
        ("B) Paris", "letter:B"),
        ("B. Paris", "letter:B"),
        ("**B.** Paris", "letter:B"),
        ("\\text{B}", "letter:B"),
        ("\\boxed{B}", "letter:B"),
        ("$\\boxed{\\textbf{(B) } 12}$", "letter:B"),
        ("The answer is (B).", "letter:B"),
        ("The answer is B because A is wrong.", "letter:B"),
        ("The correct answer is: **(B) Paris**", "letter:B"),
        ("Answer: A", "letter:A"),
        ("Answer: A, since it fits.", "letter:A"),
        ("The answer is option C.", "letter:C"),
        ("The answer is (A). No, wait. The answer is (D).", "letter:D"),
        ("A is tempting.\nOption B is correct.", "letter:B"),
        ("(B) is the correct answer.", "letter:B"),
        ("So it must be (C).", "letter:C"),
        ("答案是C。", "letter:C"),
        ("A man walks into a bar.", None),
        ("The answer is a man with a hat.", None),
        ("Both (A) and (B) look fine.", None),
        ("I do not know.", None),
        ("", None),
    ],
)
def test_choice_reads_one_option_letter_and_never_the_article(text: str, expected: str | None) -> None:
    assert key_of(text, "choice") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\\boxed{5} or \\boxed{none}", "number:5"),
        ("The answer is about 42 apples.", "number:42"),
        ("The answer is 7. Or \\boxed{8}", "number:8"),
        ("I counted 3 and then 4", "number:4"),
        ("It was 3.\nThen nothing.", None),
        ("It costs $1,250.50 today", "number:2501/2"),
        ("no numbers", None),
    ],
)
def test_number_reads_boxes_then_statements_then_the_final_line(text: str, expected: str | None) -> None:
    assert key_of(text, "number") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\\boxed{1/2}", "text:1/2"),
        ("The answer is New York.", "text:new york"),
        ("A whole sentence, as it is.", "text:whole sentence, as it is"),
        ("\\boxed{\\text{Paris}}", "text:paris"),
        (" ", None),
    ],
)
def test_text_compares_words_and_nothing_else(text: str, expected: str | None) -> None:
    assert key_of(text, "text") == expected


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        (r"\d+", "1 then 42", "number:42"),
        (r"result=(\w+)", "result=a result=Rome", "text:rome"),
        (r"(?i)RESULT (\d+)", "result 7", "number:7"),
        (r"a|(b)", "b a", "letter:B"),
        (r"\d*", "7 x", "number:7"),
        (r"x(\d*)", "x7 x", "number:7"),
        (r"Größe: (.+)", "Größe: 1/2\nEnde", "number:1/2"),
        (r"\d+", "none", None),
    ],
)
def test_a_pattern_reads_its_last_match(pattern: str, text: str, expected: str | None) -> None:
    assert key_of(text, f"regex:{pattern}") == expected


def test_a_pattern_also_reads_a_cut_trace() -> None:
    assert key_of("result=7 and", r"regex:result=(\d+)", complete=False) == "number:7"


@pytest.mark.parametrize("answer_format", ["choice", "number", "text"])
def test_a_cut_trace_has_no_final_line(answer_format: str) -> None:
    assert key_of("(B) 42", answer_format, complete=False) is None
