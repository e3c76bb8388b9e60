"""Numbers as models write them, read exactly."""

import re
from fractions import Fraction

from tts_core.answers.units import bare_number

MAX_DIGITS = 1000
MAX_EXPONENT = 400

_DIGITS = r"(?:[1-9]\d{0,2}(?:,\d{3})+|[1-9]\d{0,2}(?: \d{3})+|\d+)"
_TIMES_TEN = r"\s*(?:\*|\\times|\\cdot)\s*10\s*\^\s*"
_POWER = rf"(?:[eE][+-]?\d+|{_TIMES_TEN}(?:\{{\s*[+-]?\d+\s*\}}|\d))"
_DECIMAL = rf"(?:{_DIGITS}(?:\.\d*)?|\.\d+){_POWER}?"
_PART = rf"\s*(?:\{{\s*([+-]?\s*{_DECIMAL})\s*\}}|(\d))"

_INTEGER = re.compile(r"-?[0-9]{1,1000}")
_SIGNED = re.compile(r"([+-]?)\s*([\d.\\].*)", re.DOTALL)
_PLAIN = re.compile(_DECIMAL)
_OVER = re.compile(rf"(?:(\d+) )?({_DECIMAL})\s*/\s*([+-]?\s*{_DECIMAL})")
_FRAC = re.compile(rf"(\d+)?\s*\\[dtc]?frac{_PART}{_PART}")

_THIN_SPACE = re.compile(r"(?<=\d)(,?)(?:\\[,!;: ]|~)\s*(?=\d)")
_GROUP_COMMA = re.compile(r"\{,\}\s*")
_SPACING = re.compile(r"\\[,!;:]|~|\\(?:left|right)(?![A-Za-z])")
_TEN_TO_THE = re.compile(_TIMES_TEN)
_GROUPING = re.compile(r"[,{}\s]")


def read_number(text: str) -> Fraction | None:
    """The exact value of an undressed answer that is one number, else None.

    Reads integers, decimals, thousands (`1,000`, `1{,}000`, `1 000`), scientific notation,
    fractions, mixed numbers, percentages (`50%` is 1/2), and what `units` takes off. Beyond 1000
    digits or an exponent of 400 nothing is evaluated: None. A decimal comma is not guessed.
    """
    if _INTEGER.fullmatch(text):
        return Fraction(int(text))
    if not any(map(str.isdecimal, text)):
        return None
    core, divisor = bare_number(_tidy(text) if "\\" in text or "{" in text else text)
    value = _signed(core.strip())
    return None if value is None else value / divisor


def _tidy(text: str) -> str:
    text = _GROUP_COMMA.sub(",", _THIN_SPACE.sub(r"\1", text))
    return _SPACING.sub("", text).strip()


def _signed(text: str) -> Fraction | None:
    match = _SIGNED.fullmatch(text)
    if match is None:
        return None
    value = _unsigned(match[2])
    return -value if value is not None and match[1] == "-" else value


def _unsigned(text: str) -> Fraction | None:
    if _PLAIN.fullmatch(text):
        return _decimal(text)
    if match := _OVER.fullmatch(text):
        return _mixed(match[1], match[2], match[3])
    if match := _FRAC.fullmatch(text):
        return _mixed(match[1], match[2] or match[3], match[4] or match[5])
    return None


def _mixed(whole: str | None, top: str, bottom: str) -> Fraction | None:
    parts = _decimal(whole or "0"), _decimal(top), _decimal(bottom)
    if parts[0] is None or parts[1] is None or not parts[2]:
        return None
    return parts[0] + parts[1] / parts[2]


def _decimal(text: str) -> Fraction | None:
    text = _GROUPING.sub("", _TEN_TO_THE.sub("e", text)).lower()
    mantissa, _, exponent = text.partition("e")
    if len(mantissa) > MAX_DIGITS or len(exponent) > 5 or abs(int(exponent or 0)) > MAX_EXPONENT:
        return None
    whole, _, fraction = mantissa.partition(".")
    scale = int(exponent or 0) - len(fraction)
    digits = int(whole + fraction)
    return Fraction(digits * 10**scale) if scale >= 0 else Fraction(digits, 10**-scale)
