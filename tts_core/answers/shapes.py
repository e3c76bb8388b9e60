"""Two mathematical answers compared part by part, so that an algebra system sees plain expressions only.

Brackets, order and the number of members are ours to judge: to a computer algebra system `(1, 2)` is an
open interval or a pair as it likes, and `50%` is 50.
"""

from collections.abc import Callable
from itertools import pairwise

from tts_core.answers.inequalities import as_intervals
from tts_core.answers.latex import spell, tokenize
from tts_core.answers.members import bracketed, split
from tts_core.answers.notation import is_plain, latex, relations
from tts_core.answers.numerals import read_number
from tts_core.answers.relations import SCALABLE, Statement, statement

Same = Callable[[str, str], bool]
Tokens = list[str]

_MAX_NESTING = 4
_MAX_MEMBERS = 20
_EITHER = frozenset(("\\cup", "\\lor", "or"))
_BOTH = frozenset(("and",))
_MATRIX = ("\\begin{matrix}", "\\begin{pmatrix}", "\\begin{bmatrix}")
_SIGNS = ("+", "-")
_DOUBLE = "set \\pm"
_BRACES = "set \\{"


def comparable(key: str) -> bool:
    """Whether a key may mean the same as another one: mathematics, and the numbers it may amount to."""
    return key.startswith(("math:", "number:"))


def may_be_same(one: str, other: str) -> bool:
    """Whether two different keys are worth a look: numbers are exact, so two of them never are."""
    return comparable(one) and comparable(other) and (one.startswith("math:") or other.startswith("math:"))


def same_meaning(one: str, other: str, same: Same) -> bool:
    """Whether two different keys mean the same, given `same` for two plain expressions in LaTeX.

    Tuples, intervals, matrices and lists are compared
    member by member, sets and unions in any order; `\\pm a` is the set of both; `x > a` is its interval.
    Statements are compared side by side, or `same` is given two relations and says whether one is a
    multiple of the other (a positive one, of an inequality).
    """
    if not may_be_same(one, other):
        return False
    return _same(tokenize(one.partition(":")[2]), tokenize(other.partition(":")[2]), same)


def _same(one: Tokens, other: Tokens, same: Same, nesting: int = 0) -> bool:
    if not one or not other or nesting > _MAX_NESTING or spell(one) == spell(other):
        return spell(one) == spell(other)
    exact = read_number(spell(one)), read_number(spell(other))
    if exact[0] is not None and exact[1] is not None:
        return exact[0] == exact[1]
    one, other = as_intervals(one, other)
    (kind, parts), (other_kind, other_parts) = _parts(one), _parts(other)
    if not kind and not other_kind:
        return _same_expression(one, other, same, nesting)
    if len(parts) != len(other_parts) or len(parts) > _MAX_MEMBERS:
        return False
    if _are_sets(kind, other_kind):
        return _paired(parts, other_parts, same, nesting)
    pairs = zip(parts, other_parts, strict=True)
    return kind == other_kind and all(_same(a, b, same, nesting + 1) for a, b in pairs)


def _are_sets(kind: str, other: str) -> bool:
    """Whether order does not count between these two; a double sign stands for a bare list, too."""
    if kind == other:
        return kind.startswith("set")
    return {kind, other} in ({_DOUBLE, "list"}, {_DOUBLE, _BRACES})


def _paired(one: list[Tokens], other: list[Tokens], same: Same, nesting: int) -> bool:
    """Whether every member of one has a partner of its own in the other."""
    left = list(other)
    for member in one:
        partner = next((p for p in left if _same(member, p, same, nesting + 1)), None)
        if partner is None:
            return False
        left.remove(partner)
    return True


def _same_statement(one: Statement | None, other: Statement | None, same: Same, nesting: int) -> bool:
    """Whether two statements relate the same sides, in either order, or are multiples of each other."""
    if one is None or other is None:
        return False
    return any(
        one.signs == turned.signs
        and (_same_sides(one, turned, same, nesting) or _same_links(one, turned, same))
        for turned in other.orders()
    )


def _same_sides(one: Statement, other: Statement, same: Same, nesting: int) -> bool:
    return all(_same(a, b, same, nesting + 1) for a, b in zip(one.sides, other.sides, strict=True))


def _same_links(one: Statement, other: Statement, same: Same) -> bool:
    if not SCALABLE.issuperset(sign for _, sign, _ in one.links()):
        return False
    if not all(map(_is_fit, (*one.sides, *other.sides))):
        return False
    pairs = zip(one.links(), other.links(), strict=True)
    return all(_same_plain([*a, sign, *b], [*c, sign, *d], same) for (a, sign, b), (c, _, d) in pairs)


def _same_expression(one: Tokens, other: Tokens, same: Same, nesting: int) -> bool:
    if relations(one) or relations(other):
        return _same_statement(statement(one), statement(other), same, nesting)
    return _is_fit(one) and _is_fit(other) and _same_plain(one, other, same)


def _same_plain(one: Tokens, other: Tokens, same: Same) -> bool:
    spelt = latex(one), latex(other)
    return spelt[0] is not None and spelt[1] is not None and _logs(one, other) and same(spelt[0], spelt[1])


def _is_fit(tokens: Tokens) -> bool:
    return read_number(spell(tokens)) is not None or is_plain(tokens)


def _logs(one: Tokens, other: Tokens) -> bool:
    """A bare `log` has a base that only its author knows: it is compared with another one only."""
    bare = _bare_logs(one), _bare_logs(other)
    return bare == (0, 0) or (0 not in bare and "ln" not in one + other)


def _bare_logs(tokens: Tokens) -> int:
    return sum(pair[0] == "log" and pair[1] != "_" for pair in pairwise([*tokens, ""]))


def _parts(tokens: Tokens) -> tuple[str, list[Tokens]]:
    """What kind of a whole this is ("": none) and its members."""
    if tokens[0] in _MATRIX and tokens[-1] == tokens[0].replace("begin", "end"):
        return f"matrix {_layout(tokens)}", split(tokens[1:-1], frozenset(("&", "\\\\")))
    if tokens.count("\\pm") == 1 and "," not in tokens:
        place = tokens.index("\\pm")
        return _DOUBLE, [_signed(tokens, place, sign) for sign in _SIGNS]
    for kind, words in (("set \\cup", _EITHER), ("set and", _BOTH)):
        if len(members := split(tokens, words)) > 1:
            return kind, members
    opening, inner, closing = bracketed(tokens)
    members = split(inner)
    if len(members) == 1 and opening != "\\{":
        return "", [tokens]
    kind = "set " if opening == "\\{" else ""
    return (kind + opening + closing.removeprefix("\\}")) or "list", members


def _signed(tokens: Tokens, place: int, sign: str) -> Tokens:
    return [*tokens[:place], *([] if sign == "+" and not place else [sign]), *tokens[place + 1 :]]


def _layout(tokens: Tokens) -> str:
    """Where a matrix breaks its rows."""
    return "".join(token for token in tokens if token in ("&", "\\\\"))
