"""From the tokens of a key back to LaTeX that a parser reads, and what must not be read as algebra."""

import re

from tts_core.answers.latex import FUNCTIONS, spell

_ARGUMENTS = {"\\sqrt": 1, "\\frac": 2, "\\binom": 2, "^": 1, "_": 1}
_RELATIONS = {">": "<", "\\ge": "\\le", "\\gt": "<", "\\lt": "<"}
_IS_RELATION = frozenset(("=", "<", ">", "\\le", "\\ge", "\\ne", "\\in", "\\equiv", "\\approx", "\\sim"))
_JUST_DIGITS = re.compile(r"[\d.,:+/ -]+")
_NO_ALGEBRA = re.compile(
    r"['%?&#\"]|\\circ|\\pm|\\mp|\d_|\\Upsilon|\\rightarrow|\\(?:over|under)line|\\hat|\\vec|\\mathbb|\.\."
    r"|\\(?:int|sum|prod|lim)(?![A-Za-z])|[^\x00-\x7f]|/(?:\d+|[A-Za-z])(?=[A-Za-z(\\])"
)
_FUNCTION_OF = re.compile(r"[fghFGHPQ](?:_\d|\^\{-1\})?(?=\()")
_COMMANDS = frozenset(
    "\\" + name
    for name in (
        *("frac", "sqrt", "binom", "pi", "infty", "emptyset", "alpha", "beta", "gamma", "delta", "epsilon"),
        *("zeta", "eta", "theta", "kappa", "lambda", "mu", "nu", "xi", "rho", "sigma", "tau", "phi", "chi"),
        *("psi", "omega", "varepsilon", "vartheta", "varphi", "Gamma", "Delta", "Theta", "Lambda", "Xi"),
        *("Sigma", "Phi", "Psi", "Omega", "lfloor", "rfloor", "lceil", "rceil", "lvert", "rvert"),
    )
)
_NAMED = frozenset(FUNCTIONS) - {"mod", "inf", "sup", "lim", "arg", "deg", "dim"}
_SIGNS = frozenset("+-*/^_()[]{}!|.,")
_EULER = "E"
_NOT_EULER = "\\Upsilon"
_DEPTH = 40


def is_plain(tokens: list[str]) -> bool:
    """Whether an expression means what an algebra system would take it for.

    Not so: dates, scores and ratios (`2020-01-05` is no difference), derivatives (`f'`), numbers to a
    base, per cent, degrees, double signs, functions of an argument (`f(2)` is no product), remainders, and
    `1/2x` (x/2 to some, 1/(2x) to others); sums and integrals, which are answers nowhere; and whatever has
    a sign that is not known to be algebra.
    """
    spelling = spell(tokens)
    if _NO_ALGEBRA.search(spelling) or _JUST_DIGITS.fullmatch(spelling) or _FUNCTION_OF.search(spelling):
        return False
    # Only between the base of a logarithm and what it is of does a space between digits mean something.
    known = tokens if "log" not in tokens else [piece for piece in tokens if piece != " "]
    return all(map(_is_algebra, known))


def _is_algebra(token: str) -> bool:
    return token in _COMMANDS or token in _SIGNS or token in _NAMED or (len(token) == 1 and token.isalnum())


def relations(tokens: list[str]) -> list[str]:
    """The relations in an expression, whichever way round they are, sorted."""
    return sorted(_RELATIONS.get(token, token) for token in tokens if token in _IS_RELATION)


def latex(tokens: list[str]) -> str | None:
    """The expression with braces round every argument; None when it is not well-formed.

    `log` without a base is written `ln` (whoever compares must see that both mean the same one), and the
    letter E is given a name that is not Euler's number.
    """
    try:
        pieces, rest = _pieces(tokens, 0, None)
    except (IndexError, RecursionError):
        return None
    return None if rest != len(tokens) else "".join(pieces).strip()


def _pieces(tokens: list[str], place: int, closing: str | None, depth: int = 0) -> tuple[list[str], int]:
    """LaTeX from a place up to a closing token, and the place behind it."""
    if depth > _DEPTH:
        raise RecursionError
    pieces: list[str] = []
    while place < len(tokens):
        if tokens[place] == closing:
            return pieces, place + 1
        more, place = _piece(tokens, place, depth)
        pieces += more
    if closing:
        raise IndexError(place)
    return pieces, place


def _piece(tokens: list[str], place: int, depth: int) -> tuple[list[str], int]:
    """LaTeX of the token here with its arguments, and the place behind them."""
    piece = tokens[place]
    place += 1
    if piece == "{":
        inner, place = _pieces(tokens, place, "}", depth + 1)
        return ["{", *inner, "}"], place
    if piece in FUNCTIONS:
        return [_function(piece, tokens[place : place + 1])], place
    if piece not in _ARGUMENTS:
        return [_NOT_EULER + " " if piece == _EULER else piece + " " * piece.startswith("\\")], place
    pieces = [piece]
    if piece == "\\sqrt" and tokens[place] == "[":
        inner, place = _pieces(tokens, place + 1, "]", depth + 1)
        pieces += ["[", *inner, "]"]
    for _ in range(_ARGUMENTS[piece]):
        argument, place = _piece(tokens, place, depth + 1)
        pieces += argument if argument[0] == "{" else ["{", *argument, "}"]
    return pieces, place


def _function(name: str, following: list[str]) -> str:
    return "\\ln " if name == "log" and following != ["_"] else f"\\{name} "
