"""One spelling for mathematics that is no number: the same tokens, the same string."""

import re
from itertools import pairwise

FUNCTIONS = (
    *("sin", "cos", "tan", "cot", "sec", "csc", "sinh", "cosh", "tanh"),
    *("arcsin", "arccos", "arctan", "log", "ln", "exp", "max", "min", "mod"),
    *("gcd", "lcm", "det", "arg", "deg", "dim", "inf", "sup", "lim"),
)
_WORDS = frozenset((*FUNCTIONS, "and", "or"))
_LAYOUT = re.compile(
    r"\\(?:left|right|[bB]ig[lr]?|displaystyle|textstyle|q?quad|limits|[,!;: ()\[\]$])|~|\$"
)
_SYNONYMS = {
    **dict.fromkeys(("\\dfrac", "\\tfrac", "\\cfrac"), "\\frac"),
    **dict.fromkeys(("\\cdot", "\\times"), "*"),
    "\\div": "/",
    "\\%": "%",
    "**": "^",
    "\\to": "\\rightarrow",
    "\\leq": "\\le",
    "\\geq": "\\ge",
    "\\neq": "\\ne",
    "\\lbrace": "\\{",
    "\\rbrace": "\\}",
    "\\varnothing": "\\emptyset",
    **{"\\" + name: name for name in FUNCTIONS},
}
_TEXT_COMMAND = re.compile(
    r"\\(?:text(?:bf|it|rm|normal)?|math(?:rm|bf|it|sf|bb)|mbox|operatorname\*?)\s*\{([^{}]*)\}"
)
_TOKEN = re.compile(
    r"\\(?:begin|end)\{[A-Za-z*]+\}|\\[A-Za-z]+|\\.|\*\*|[A-Za-z]+|(?<=\d)\s+(?=\d)|\S", re.DOTALL
)
_PROSE = re.compile(r"[A-Za-z]{3}|[^\W\d_A-Za-z]")


def tokenize(text: str) -> list[str]:
    """The tokens of a LaTeX expression, without layout, synonyms replaced, lone braces dropped."""
    tokens: list[str] = []
    for raw in _TOKEN.findall(_TEXT_COMMAND.sub(r" \1 ", text)):
        piece = _SYNONYMS.get(raw, raw)
        if _LAYOUT.fullmatch(piece):
            continue
        if piece == "}" and len(tokens) > 1 and tokens[-2] == "{" and tokens[-1] not in "{}":
            tokens[-2:] = tokens[-1:]
        elif piece.isalpha() and piece not in _WORDS:
            tokens.extend(piece)
        else:
            tokens.append(" " if piece.isspace() else piece)
    return tokens


def spell(tokens: list[str]) -> str:
    """The tokens as one string, with spaces only where two would otherwise run together."""
    pieces = tokens[:1]
    for before, piece in pairwise(tokens):
        word = before[-1:].isalpha() and piece[:1].isalpha()
        pieces.append(" " + piece if word and len(before) + len(piece) > 2 else piece)
    return "".join(pieces).strip()


def is_prose(tokens: list[str]) -> bool:
    """Whether three letters in a row, or a letter that is not Latin, make this no mathematics."""
    return _PROSE.search("".join(t if len(t) == 1 else " " for t in tokens)) is not None
