"""Which answers are the same, and which only look alike."""

import pytest

from tts_core.answers import classes, key
from tts_core.model import Answer

SAME = [
    # numbers by value
    ("42", "42.0"),
    ("42", "42."),
    ("42", "042"),
    ("42", "+42"),
    ("42", "4.2e1"),
    ("42", "4.2E+1"),
    ("42", "42.000"),
    ("300000", "3\\times 10^5"),
    ("300000", "3 × 10⁵"),
    ("1200000", "1.2 \\cdot 10^{6}"),
    ("0.5", ".5"),
    ("0.5", "1/2"),
    ("0.5", "2/4"),
    ("0.5", "\\frac{1}{2}"),
    ("0.5", "\\dfrac12"),
    ("0.5", "\\tfrac 1 2"),
    ("0.5", "\\frac{1}2"),
    ("0.5", "½"),
    ("-1/2", "-\\frac{1}{2}"),
    ("-1/2", "\\frac{-1}{2}"),
    ("-1/2", "1/-2"),
    ("1.5", "1\\frac{1}{2}"),
    ("1.5", "1 1/2"),
    ("1.5", "1½"),
    ("-1.5", "-1\\frac12"),
    ("137.5", "137 \\frac{1}{2}"),
    # percentages are hundredths
    ("50%", "0.5"),
    ("50\\%", "1/2"),
    ("50 %", "50 percent"),
    ("12.5%", "1/8"),
    # thousands
    ("1000", "1,000"),
    ("1000", "1{,}000"),
    ("1000", "1\\,000"),
    ("1000", "1 000"),
    ("1000", "1\u202f000"),
    ("1234567.5", "1,234,567.50"),
    ("11111111100", "11,\\! 111,\\! 111,\\! 100"),
    # money and units go without saying
    ("18", "$18"),
    ("18", "\\$18"),
    ("18", "$18.00"),
    ("18", "18 €"),
    ("-5", "-$5"),
    ("-5", "$-5"),
    ("18", "18 dollars"),
    ("18", "18\\text{ dollars}"),
    ("5.4", "5.4 \\text{ cents}"),
    ("12", "12 apples"),
    ("12", "12 more apples left"),
    ("15", "15\\mbox{ cm}^2"),
    ("15", "15 \\mathrm{cm}^{2}"),
    ("42", "42个"),
    ("90", "90^\\circ"),
    ("90", "90^{\\circ}"),
    ("90", "90°"),
    ("270/7", "\\frac{270}7\\text{ degrees}"),
    # other alphabets
    ("-5", "−5"),
    ("-5", "–5"),
    ("42", "４２"),
    ("42", "٤٢"),
    # dressing
    ("5", "$5$"),
    ("5", "$$5$$"),
    ("5", "\\(5\\)"),
    ("5", "\\[ 5 \\]"),
    ("5", "**5**"),
    ("5", "`5`"),
    ("5", '"5"'),
    ("5", "{5}"),
    ("5", "\\boxed{5}"),
    ("5", "\\text{5}"),
    ("5", "\\mathbf{5}"),
    ("5", "**$5$.**"),
    # a variable's name
    ("5", "x = 5"),
    ("5", "$x=5$"),
    ("5", "x = $5$"),
    ("1/2", "y=\\frac{1}{2}"),
    ("2x+3", "y = 2x + 3"),
    ("[-2,7]", "x \\in [-2,7]"),
    # letters
    ("A", "(A)"),
    ("A", "A."),
    ("A", "A)"),
    ("A", "[A]"),
    ("A", "a"),
    ("A", "\\text{A}"),
    ("A", "\\text{(A)}"),
    ("A", "\\textbf{(A)}"),
    ("A", "**A**"),
    ("B", "(B) Paris"),
    ("B", "B) Paris"),
    # words
    ("Paris", "paris"),
    ("Paris", "Paris."),
    ("Paris", "Paris!"),
    ("Paris", "**Paris**"),
    ("Paris", "\\text{Paris}"),
    ("Paris", "\\textbf{Paris}"),
    ("Paris", "“Paris”"),
    ("Paris", "the Paris"),
    ("Paris", "*Paris*."),
    ("New  York", "new york"),
    ("Straße", "STRASSE"),
    ("apple", "an apple"),
    ("ﬁve", "five"),
    ("Yes", "yes."),
    # mathematics by its spelling
    ("\\sqrt{2}", "\\sqrt2"),
    ("\\sqrt{2}", "\\sqrt 2"),
    ("3\\sqrt{13}", "3 \\sqrt{ 13 }"),
    ("2\\pi", "2 π"),
    ("x^2+1", "x^{2} + 1"),
    ("x^2+1", "x² + 1"),
    ("x^2+1", "x**2 + 1"),
    ("2x", "2 x"),
    ("a \\cdot b", "a \\times b"),
    ("a*b", "a × b"),
    ("\\frac{\\pi}{2}", "\\dfrac{\\pi}2"),
    ("x \\leq 5", "x ≤ 5"),
    ("4210_5", "4210_{5}"),
    ("\\cot x", "cot x"),
    # pairs, intervals, sets: member by member
    ("(1,2)", "(1, 2)"),
    ("(1,2)", "\\left(1,2\\right)"),
    ("(1/2,3)", "\\left( \\frac{1}{2}, 3.0 \\right)"),
    ("(3/2,3)", "(1 1/2, 3)"),
    ("[0,1)", "[0, 1.0)"),
    ("(-\\infty, 0]", "(-∞,0]"),
    ("1,-2", "1, -2.0"),
    ("((1,2),3)", "((1.0,2), 3)"),
    ("\\{1,2\\}", "\\{2, 1\\}"),
    ("\\{1,0.5\\}", "\\left\\{\\frac12, 1\\right\\}"),
]

DIFFERENT = [
    ("42", "43"),
    ("0.33", "1/3"),
    ("0.3333333333", "1/3"),
    ("1", "100"),
    ("100000", "100005"),
    ("50%", "50"),
    ("-5", "5"),
    ("5!", "5"),
    ("10^2", "10"),
    ("10²", "102"),
    ("9^{9^{9}}", "9^9"),
    ("1e999999999", "1e999999998"),
    ("52_8", "52"),
    ("1/0", "0"),
    ("1,5", "1.5"),
    ("1,5", "15"),
    ("0,500", "500"),
    ("12,34", "1234"),
    ("1.000.000", "1"),
    ("3.14", "\\pi"),
    ("3x", "3"),
    ("21st", "21"),
    ("5 million", "5"),
    ("3 dozen", "3"),
    ("2 thirds", "2"),
    ("3 pm", "3 am"),
    ("5 or 6", "5"),
    ("12 Monkeys", "12"),
    ("5万", "5"),
    ("5\\text{ million}", "5"),
    ("A", "B"),
    ("A", "10"),
    ("A man", "A"),
    ("(A) + (B)", "A"),
    ("listen", "silent"),
    ("no solution", "on solution"),
    ("café", "cafe"),
    ("Paris", "Paris, Texas"),
    ("Paris or London", "London or Paris"),
    ("xy = 1", "yx = 1"),
    ("x^2", "X^2"),
    ("x = y", "y"),
    ("x=2, y=3", "3"),
    ("x^{23}", "x^23"),
    ("\\frac{1}{23}x", "\\frac{12}{3}x"),
    ("\\sqrt{12}", "\\sqrt12"),
    ("\\sin x", "\\sinx"),
    ("(1,2)", "[1,2]"),
    ("(1,2)", "(2,1)"),
    ("(1,2]", "(1,2)"),
    ("(1,2)", "1,2"),
    ("(1,2)", "\\{1,2\\}"),
    ("(1,2,3)", "(1,2)"),
    ("1,2", "2,1"),
    ("(1,234)", "1234"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_spellings_of_one_answer_have_one_key(one: str, other: str) -> None:
    assert key(one) == key(other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_answers_that_differ_have_different_keys(one: str, other: str) -> None:
    assert key(one) != key(other)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.50", "number:1/2"),
        ("(b)", "letter:B"),
        ("The Hague", "text:hague"),
        ("\\sqrt{2}", "math:\\sqrt2"),
        ("1e999999999", "math:1e999999999"),
        ("9^{9^{9}}", "math:9^{9^9}"),
    ],
)
def test_a_key_names_its_kind(text: str, expected: str) -> None:
    assert key(text) == expected


def test_equal_keys_are_one_class_numbered_as_first_seen() -> None:
    answers = [Answer("number:2", "2"), None, Answer("number:1", "1"), Answer("number:2", "2.0")]
    assert classes(answers) == [0, None, 1, 0]


def test_a_vote_without_answers_has_no_classes() -> None:
    assert classes([]) == []
    assert classes([None, None]) == [None, None]
