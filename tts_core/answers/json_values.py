"""JSON as an answer: the last value of a text, and one spelling for equal values."""

import json
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

_MAX_NESTING = 100
_FIRST_LOOK = 256
_FENCE = re.compile(r"```(?:json\w*)?[ \t]*\n(.*?)\n?[ \t]*```", re.DOTALL | re.IGNORECASE)
_OPENING = re.compile(r"\{(?=\s{0,40}[\"}])|\[(?=\s{0,40}[\[{\"\dtfn\]-])")
_NUMERAL = re.compile(r"(-?)(\d+)(?:\.(\d+))?(?:e([+-]?\d+))?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Numeral:
    """A JSON number as it was spelt, never evaluated."""

    spelling: str


def canonical(value: object, nesting: int = 0) -> str:
    """One spelling for equal JSON values: sorted members, numbers by value, `true` is not 1.

    Raises ValueError beyond 100 levels of nesting.
    """
    if nesting > _MAX_NESTING:
        raise ValueError("nested too deeply")
    match value:
        case dict():
            members = sorted((json.dumps(str(k)), canonical(v, nesting + 1)) for k, v in value.items())
            return "{" + ",".join(f"{name}:{member}" for name, member in members) + "}"
        case list() | tuple():
            return "[" + ",".join(canonical(item, nesting + 1) for item in value) + "]"
        case Numeral(spelling):
            return _canonical_number(spelling)
        case bool() | None | str():
            return json.dumps(value)
    return _canonical_number(repr(value))


def read_json(text: str) -> str | None:
    """The canonical form of a text that is one JSON value, else None."""
    try:
        return canonical(_DECODER.decode(text))
    except (ValueError, RecursionError):
        return None


def last_json(text: str) -> tuple[str, str] | None:
    """The last JSON value in a text, as (spelling, canonical form), or None.

    The whole text, else the last code fence that holds one, else the last object or array in the
    prose. Linear: the work spent on openings that lead nowhere is bounded by the text's length.
    """
    for spelling in (text.strip(), *reversed([fence.strip() for fence in _fences(text)])):
        form = read_json(spelling)
        if form is not None:
            return spelling, form
    return next(iter(deque(_values(text), maxlen=1)), None)


def _fences(text: str) -> list[str]:
    return _FENCE.findall(text)[-8:]


def _values(text: str) -> Iterator[tuple[str, str]]:
    place, wasted = 0, 0
    while wasted <= 2 * len(text) + 4096 and (opening := _OPENING.search(text, place)):
        start = opening.start()
        found, looked_at = _value_at(text, start)
        if found is None:
            place, wasted = start + 1, wasted + looked_at
        else:
            place = start + len(found[0])
            yield found


def _value_at(text: str, start: int) -> tuple[tuple[str, str] | None, int]:
    """The value that starts here, if any, and how many characters were looked at.

    Looks at ever longer pieces, since the decoder's errors cost as much as all it was given.
    """
    length = _FIRST_LOOK
    while True:
        piece = text[start : start + length]
        try:
            value, end = _DECODER.raw_decode(piece)
            return (piece[:end], canonical(value)), end
        except json.JSONDecodeError as error:
            cut_short = error.pos > length - 16 or error.msg.startswith("Unterminated")
            if not cut_short or len(piece) < length:
                return None, error.pos + 8
        except (ValueError, RecursionError):
            return None, max(length, 20_000)
        length *= 4


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(
    parse_int=Numeral, parse_float=Numeral, parse_constant=_no_constant, strict=False
)


def _canonical_number(spelling: str) -> str:
    match = _NUMERAL.fullmatch(spelling)
    if match is None:
        raise ValueError(f"not a JSON number: {spelling}")
    sign, whole, fraction, exponent = match[1], match[2], match[3] or "", match[4] or "0"
    digits = (whole + fraction).lstrip("0")
    if not digits:
        return "0"
    if len(exponent) > 18:
        return spelling.lower()
    shift = int(exponent) - len(fraction) + len(digits) - len(digits.rstrip("0"))
    digits = digits.rstrip("0")
    if 0 <= shift <= 20:
        return sign + digits + "0" * shift
    return f"{sign}{digits}e{shift}"
