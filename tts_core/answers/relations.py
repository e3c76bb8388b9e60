"""Equations and inequalities as the sides they relate."""

from collections.abc import Iterator
from dataclasses import dataclass

from tts_core.answers.members import split

Tokens = list[str]

_TURNED = {"<": ">", ">": "<", "\\le": "\\ge", "\\ge": "\\le", "\\lt": ">", "\\gt": "<"}
_SYMMETRIC = frozenset(("=", "\\ne", "\\equiv", "\\approx", "\\sim"))
SIGNS = frozenset((*_TURNED, *_SYMMETRIC, "\\in"))
SCALABLE = frozenset(("=", "\\ne", "<", "\\le"))


@dataclass(frozen=True, slots=True)
class Statement:
    """`sides[i] signs[i] sides[i + 1]` for every i; there is one more side than there are signs."""

    sides: tuple[Tokens, ...]
    signs: tuple[str, ...]

    def orders(self) -> Iterator["Statement"]:
        """The statement from left to right and, where all its signs can be turned, from right to left."""
        yield self
        if "\\in" not in self.signs:
            yield Statement(self.sides[::-1], tuple(_TURNED.get(sign, sign) for sign in self.signs[::-1]))

    def links(self) -> Iterator[tuple[Tokens, str, Tokens]]:
        """Each relation alone: the smaller side of an inequality first, equal sides in one order."""
        for place, sign in enumerate(self.signs):
            left, right = self.sides[place : place + 2]
            if sign in (">", "\\ge"):
                yield right, _TURNED[sign], left
            else:
                yield (right, sign, left) if sign in _SYMMETRIC and right < left else (left, sign, right)


def statement(tokens: Tokens) -> Statement | None:
    """The statement that an expression is; None when it relates nothing, or not outside of brackets."""
    signs = tuple({"\\lt": "<", "\\gt": ">"}.get(token, token) for token in tokens if token in SIGNS)
    sides = tuple(split(tokens, SIGNS))
    return Statement(sides, signs) if signs and len(sides) == len(signs) + 1 and all(sides) else None
