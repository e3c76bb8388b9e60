"""Calculations that end in their result: `17 * 23 = 391` is 391."""

import re
from fractions import Fraction

from tts_core.answers.dressing import undress
from tts_core.answers.numerals import read_number

_ARITHMETIC = re.compile(
    r"(?:[\d.+*/()^{}%! $€£-]|\\(?:times|cdot|div|[dt]?frac|sqrt|left|right)(?![A-Za-z])|\\[,!;:%$ ])+"
)
_SEVERAL = re.compile(r"\d\s+\d")
_VARIABLE = re.compile(r"[A-Za-z]")
_LEAST_SIDES = 2


def result(bare: str) -> Fraction | None:
    """The number on the right of an undressed calculation `A = B = number` of constants, else None.

    Nothing is calculated: what a model says of its sum is its answer. But a number among the sides that
    contradicts the one on the right makes it a statement: `1/2 = 3/4` is no calculation, nor is `5!=3`.
    """
    first, *others = (side.strip() for side in bare.split("="))
    if others and _VARIABLE.fullmatch(first):
        first, *others = others
    sides = [first, *others]
    value = read_number(undress(sides[-1])) if len(sides) >= _LEAST_SIDES and "!=" not in bare else None
    if value is None or not all(_leads_to(side, value) for side in sides[:-1]):
        return None
    return value


def _leads_to(side: str, value: Fraction) -> bool:
    """Whether a side is arithmetic alone that may have this value."""
    if not _ARITHMETIC.fullmatch(side) or _SEVERAL.search(side) or not re.search(r"\d", side):
        return False
    return read_number(undress(side)) in (None, value)
