"""Pairs, tuples, intervals, lists and sets: compared member by member, by value."""

from tts_core.answers.latex import spell
from tts_core.answers.numerals import read_number

_OPENING = frozenset(("(", "[", "\\{", "{"))
_CLOSING = frozenset((")", "]", "\\}", "}"))
_COMMA = frozenset((",",))
_MAX_NESTING = 4


def spell_members(tokens: list[str], nesting: int = 0) -> str:
    """An expression's one spelling, its members (if it has any) as exact numbers.

    `(a, b)`, `[a, b)` and the bare list `a, b` are ordered, and differ from each other; the
    members of a set `\\{a, b\\}` come sorted.
    """
    opening, inner, closing = bracketed(tokens)
    members = split(inner)
    if len(members) == 1 or nesting == _MAX_NESTING:
        return spell(tokens)
    spelt = [_member(member, nesting + 1) for member in members]
    return opening + ",".join(sorted(spelt) if opening == "\\{" else spelt) + closing


def _member(tokens: list[str], nesting: int) -> str:
    value = read_number(spell(tokens))
    return spell_members(tokens, nesting) if value is None else str(value)


def bracketed(tokens: list[str]) -> tuple[str, list[str], str]:
    """The opening bracket, what is inside, the closing one; "" for what no one pair goes round."""
    if len(tokens) < 2 or tokens[0] not in _OPENING or tokens[-1] not in _CLOSING:
        return "", tokens, ""
    depth = 0
    for piece in tokens[:-1]:
        depth += (piece in _OPENING) - (piece in _CLOSING)
        if depth == 0:
            return "", tokens, ""
    return tokens[0], tokens[1:-1], tokens[-1]


def split(tokens: list[str], separators: frozenset[str] = _COMMA) -> list[list[str]]:
    """The parts of an expression between its separators, those in brackets left out."""
    members: list[list[str]] = [[]]
    depth = 0
    for piece in tokens:
        depth += (piece in _OPENING) - (piece in _CLOSING)
        if depth == 0 and piece in separators:
            members.append([])
        else:
            members[-1].append(piece)
    return members
