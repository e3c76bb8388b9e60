"""Pairs, tuples, intervals, lists and sets: compared member by member, by value."""

from tts_core.answers.latex import spell
from tts_core.answers.numerals import read_number

_OPENING = frozenset(("(", "[", "\\{", "{"))
_CLOSING = frozenset((")", "]", "\\}", "}"))
_MAX_NESTING = 4


def spell_members(tokens: list[str], nesting: int = 0) -> str:
    """An expression's one spelling, its members (if it has any) as exact numbers.

    `(a, b)`, `[a, b)` and the bare list `a, b` are ordered, and differ from each other; the
    members of a set `\\{a, b\\}` come sorted.
    """
    opening, inner, closing = _bracketed(tokens)
    members = _split(inner)
    if len(members) == 1 or nesting == _MAX_NESTING:
        return spell(tokens)
    spelt = [_member(member, nesting + 1) for member in members]
    return opening + ",".join(sorted(spelt) if opening == "\\{" else spelt) + closing


def _member(tokens: list[str], nesting: int) -> str:
    value = read_number(spell(tokens))
    return spell_members(tokens, nesting) if value is None else str(value)


def _bracketed(tokens: list[str]) -> tuple[str, list[str], str]:
    if len(tokens) < 2 or tokens[0] not in _OPENING or tokens[-1] not in _CLOSING:
        return "", tokens, ""
    depth = 0
    for piece in tokens[:-1]:
        depth += (piece in _OPENING) - (piece in _CLOSING)
        if depth == 0:
            return "", tokens, ""
    return tokens[0], tokens[1:-1], tokens[-1]


def _split(tokens: list[str]) -> list[list[str]]:
    members: list[list[str]] = [[]]
    depth = 0
    for piece in tokens:
        depth += (piece in _OPENING) - (piece in _CLOSING)
        if piece == "," and depth == 0:
            members.append([])
        else:
            members[-1].append(piece)
    return members
