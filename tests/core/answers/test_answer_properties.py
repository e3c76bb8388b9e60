"""What holds for every text."""

import json
import re
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tts_core.answers import key, read_answer

FORMATS = ("auto", "boxed", "choice", "number", "json", "text", r"regex:(\w+)")
PIECES = re.split(
    " ",
    r"\boxed{ { } } \{ \} \ $ ** * ` ``` ```json \frac{1}{2} 1 2 42 , . : = / % ( ) [ ] A B x ß Mice"
    r' "a" answer the is The Answer #### so \text{ \left \sqrt ^ _ 答案是 ½ ² − </think> true null'
    " \ud800",
)

any_text = st.text() | st.lists(st.sampled_from([*PIECES, " ", "\n"])).map("".join)
answers = st.lists(st.sampled_from([*PIECES, " "]), max_size=12).map("".join) | st.text(max_size=30)


@pytest.mark.parametrize("answer_format", FORMATS)
@given(text=any_text, complete=st.booleans())
def test_any_text_reads_without_an_error(answer_format: str, text: str, complete: bool) -> None:
    read_answer(text, answer_format, complete=complete)


@pytest.mark.parametrize("answer_format", FORMATS)
@given(text=any_text)
def test_an_answer_is_never_empty_and_can_be_stored(answer_format: str, text: str) -> None:
    answer = read_answer(text, answer_format)
    if answer is not None:
        assert answer.text
        assert answer.key.encode()


@given(answers)
def test_a_key_read_again_is_the_same_key(text: str) -> None:
    kind, _, value = key(text).partition(":")
    assume(value)
    assert key(value) == f"{kind}:{value}"


nested = st.recursive(
    st.sampled_from(["a", "1", "\\{", "\\}", " ", "\\frac"]),
    lambda inner: st.lists(inner, max_size=4).map(lambda parts: "{" + "".join(parts) + "}"),
    max_leaves=12,
)


@given(before=st.text(), inside=nested, after=st.text(alphabet="ab {\\"))
def test_the_last_balanced_box_is_found_at_any_nesting(before: str, inside: str, after: str) -> None:
    assume("\\" not in before[-2:] and "\\boxed" not in after and "\\fbox" not in after)
    plain = read_answer(f"\\boxed{{x {inside}}}", "boxed")
    found = read_answer(f"{before.replace('</think>', '')}\\boxed{{x {inside}}}{after}", "boxed")
    assert found == plain
    assert plain is not None


def decimals(value: Fraction) -> list[str]:
    """Decimal spellings of a fraction over a power of ten."""
    scaled = value * 10**6
    assert scaled.denominator == 1
    digits = f"{abs(scaled.numerator):07d}"
    sign = "-" if value < 0 else ""
    whole, part = digits[:-6], digits[-6:]
    return [
        f"{sign}{whole}.{part}",
        f"{sign}{int(whole):,}.{part}",
        f"{sign}{int(whole):,}.{part}".replace(",", "{,}"),
        f"{scaled.numerator}e-6",
        f"{scaled.numerator} \\times 10^{{-6}}",
        f"{sign}${whole}.{part}",
        f"{float(value * 100):.4f}\\%",
    ]


@given(st.integers(-(10**9), 10**9))
def test_every_decimal_spelling_of_a_number_has_its_key(millionths: int) -> None:
    value = Fraction(millionths, 10**6)
    spellings = [s for s in decimals(value) if "%" not in s or millionths % 100 == 0]
    assert {key(spelling) for spelling in spellings} == {f"number:{value}"}


@given(st.integers(-9999, 9999), st.integers(1, 9999), st.integers(1, 9))
def test_every_spelling_of_a_fraction_has_its_key(top: int, bottom: int, factor: int) -> None:
    value = Fraction(top, bottom)
    a, b = top * factor, bottom * factor
    sign, size = "-" if value < 0 else "", abs(value)
    whole, rest = divmod(size.numerator, size.denominator)
    spellings = [
        f"{a}/{b}",
        f"$\\frac{{{a}}}{{{b}}}$",
        f"{sign}\\dfrac{{{abs(a)}}}{{{b}}}",
        f"x = {a} / {b}",
        f"{sign}{whole}\\frac{{{rest}}}{{{size.denominator}}}",
        f"{sign}{whole} {rest}/{size.denominator}",
    ]
    assert {key(spelling) for spelling in spellings} == {f"number:{value}"}


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(json_values)
def test_any_json_value_is_read_whatever_its_layout(value: object) -> None:
    tight = read_answer(json.dumps(value, separators=(",", ":")), "json")
    wide = read_answer(f"```json\n{json.dumps(value, indent=2, sort_keys=True)}\n```", "json")
    assert tight is not None
    assert wide is not None
    assert tight.key == wide.key


@given(json_values)
def test_the_canonical_form_of_json_is_json_with_the_same_form(value: object) -> None:
    first = read_answer(json.dumps(value), "json")
    assert first is not None
    again = read_answer(first.key.removeprefix("json:"), "json")
    assert again is not None
    assert again.key == first.key
