"""One spelling for mathematics that is no number: the same tokens, the same string."""

import re

_FUNCTIONS = frozenset(
    "sin cos tan cot sec csc sinh cosh tanh arcsin arccos arctan log ln exp max min mod gcd lcm"
    " det arg deg dim inf sup lim".split()
)
_CONNECTIVES = frozenset(("and", "or"))
_LAYOUT = frozenset(
    r"\left \right \big \Big \bigl \bigr \Bigl \Bigr \displaystyle \textstyle \quad \qquad \limits"
    r" \, \! \; \: ~ $ \( \) \[ \] \$ \\bf".split() + ["\\ "]
)
_SYNONYMS = {
    **{"\\dfrac": "\\frac", "\\tfrac": "\\frac", "\\cfrac": "\\frac", "**": "^"},
    **{"\\cdot": "*", "\\times": "*", "\\div": "/", "\\%": "%", "\\to": "\\rightarrow"},
    **{"\\leq": "\\le", "\\geq": "\\ge", "\\neq": "\\ne", "\\varnothing": "\\emptyset"},
    **{"\\lbrace": "\\{", "\\rbrace": "\\}", "\\lparen": "(", "\\rparen": ")"},
    **{name: "\\" + name for name in _FUNCTIONS},
}
_TEXT_COMMAND = re.compile(
    r"\\(?:text(?:bf|it|rm|normal)?|math(?:rm|bf|it|sf|bb)|mbox|operatorname\*?)\s*\{([^{}]*)\}"
)
_ENVIRONMENT = re.compile(r"(\\(?:begin|end)\{[A-Za-z*]+\})")
_TOKEN = re.compile(
    r"\\(?:begin|end)\{[A-Za-z*]+\}|\\[A-Za-z]+|\\.|\*\*|[A-Za-z]+|(?<=\d)\s+(?=\d)|\S", re.DOTALL
)
_PROSE = re.compile(r"[A-Za-z]{3}|[^\W\d_A-Za-z]")


def tokenize(text: str) -> list[str]:
    """The tokens of a LaTeX expression, without layout, synonyms replaced, lone braces dropped."""
    tokens: list[str] = []
    for raw in _TOKEN.findall(_TEXT_COMMAND.sub(r" \1 ", text)):
        token = _SYNONYMS.get(raw, raw)
        if token in _LAYOUT:
            continue
        if token == "}" and len(tokens) > 1 and tokens[-2] == "{" and tokens[-1] not in "{}":
            tokens[-2:] = tokens[-1:]
        elif token.isalpha() and token not in _CONNECTIVES:
            tokens.extend(token)
        else:
            tokens.append(" " if token.isspace() else token)
    return tokens


def spell(tokens: list[str]) -> str:
    """The tokens as one string, with spaces only where two would otherwise run together."""
    pieces = tokens[:1]
    for before, token in zip(tokens, tokens[1:], strict=False):
        word = before[-1:].isalpha() and token[:1].isalpha()
        pieces.append(" " + token if word and len(before) + len(token) > 2 else token)
    return "".join(pieces).strip()


def is_prose(tokens: list[str]) -> bool:
    """Whether three letters in a row, or a letter that is not Latin, make this no mathematics."""
    return _PROSE.search("".join(t if len(t) == 1 else " " for t in tokens)) is not None
