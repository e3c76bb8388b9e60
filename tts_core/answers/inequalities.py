"""Inequalities in one variable as the intervals they are."""

from tts_core.answers.members import split
from tts_core.answers.notation import relations

Tokens = list[str]

_TURNED = {"<": ">", "\\le": "\\ge", ">": "<", "\\ge": "\\le"}
_SIGNS = frozenset(_TURNED)
_INFINITE = "\\infty"


def as_intervals(one: Tokens, other: Tokens) -> tuple[Tokens, Tokens]:
    """The two as they are, but an inequality as its interval when it stands against none."""
    if bool(relations(one)) == bool(relations(other)):
        return one, other
    return interval(one) or one, interval(other) or other


def interval(tokens: Tokens) -> Tokens | None:
    """`x > a` as (a, infinity), `a <= x < b` as [a, b); None for anything else, and for `a < x < b`:
    (a, b) is as well a pair."""
    signs = [token for token in tokens if token in _SIGNS]
    sides = split(tokens, _SIGNS)
    if len(signs) != len(relations(tokens)) or "," in tokens or len(sides) != len(signs) + 1:
        return None
    if len(sides) == 2:
        return _ray(sides, signs[0])
    return _between(sides, signs) if len(sides) == 3 else None


def _ray(sides: list[Tokens], sign: str) -> Tokens | None:
    if _is_variable(sides[1]):
        sides, sign = sides[::-1], _TURNED[sign]
    if not _is_variable(sides[0]):
        return None
    if sign in (">", "\\ge"):
        return ["(" if sign == ">" else "[", *sides[1], ",", _INFINITE, ")"]
    return ["(", "-", _INFINITE, ",", *sides[1], ")" if sign == "<" else "]"]


def _between(sides: list[Tokens], signs: list[str]) -> Tokens | None:
    if set(signs) <= {">", "\\ge"}:
        sides, signs = sides[::-1], [_TURNED[sign] for sign in reversed(signs)]
    if not _is_variable(sides[1]) or not set(signs) <= {"<", "\\le"} or set(signs) == {"<"}:
        return None
    opening = "(" if signs[0] == "<" else "["
    closing = ")" if signs[1] == "<" else "]"
    return [opening, *sides[0], ",", *sides[2], closing]


def _is_variable(tokens: Tokens) -> bool:
    return len(tokens) == 1 and tokens[0].isalpha()
