"""What surrounds an answer without being part of it: Markdown, LaTeX delimiters, full stops."""

import re
import unicodedata

MAX_LENGTH = 1000
_SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻"
_SUBSCRIPTS = "₀₁₂₃₄₅₆₇₈₉₊₋"
_PLAIN_DIGITS = str.maketrans(_SUPERSCRIPTS + _SUBSCRIPTS, "0123456789+-" * 2)
_RAISED = re.compile(f"[{_SUPERSCRIPTS}]+")
_LOWERED = re.compile(f"[{_SUBSCRIPTS}]+")
_VULGAR_AFTER_DIGIT = re.compile(r"(?<=\d)(?=[¼-¾⅐-⅞])")
_NAMES = ("pi", "infty", "le", "ge", "ne", "pm", "sqrt", "cup", "cap", "in")
_COMMANDS = {s: f"\\{name} " for s, name in zip("π∞≤≥≠±√∪∩∈", _NAMES, strict=True)}
_SIGNS = str.maketrans(
    {
        **dict.fromkeys("−‐‑‒–—﹣", "-"),
        **dict.fromkeys("“”„‟″", '"'),
        **dict.fromkeys("‘’‚‛", "'"),
        **dict.fromkeys("×⋅·∗", "*"),
        **dict.fromkeys("⁄÷", "/"),
        **dict.fromkeys("\u200b\u200c\u200d\ufeff", ""),
        **_COMMANDS,
        "。": ".",
        "、": ",",
    }
)

_WRAPPERS: dict[str, tuple[tuple[str, str], ...]] = {
    "$": (("$$", "$$"), ("$", "$")),
    "*": (("*", "*"),),
    "_": (("__", "__"), ("_", "_")),
    "`": (("```", "```"), ("`", "`")),
    "'": (("'", "'"),),
    "«": (("«", "»"),),
    "「": (("「", "」"),),
    "\\": (("\\(", "\\)"), ("\\[", "\\]")),
    "{": (),
}
_COMMAND = re.compile(
    r"\\(?:text(?:bf|it|rm|tt|sf|normal)?|math(?:rm|bf|it|sf|tt|normal)|mbox|operatorname\*?"
    r"|boxed|fbox|bf|displaystyle)?\s*(?=\{)|(?=\{)"
)
_TRAILING = re.compile(r"(?:[\s.,;:\"]|\*\*+|(?<=[^\W\d_]{2})!|\\{2}|\\[ ,;:!])+\Z")
_LEADING = re.compile(
    r"(?:[\s,;:\"]+|\*\*+|[Tt]he(?=\s)|[Aa]n?(?=\s+[^\W\d_]{3})|\\displaystyle(?![A-Za-z]))+"
)
_BRACES = re.compile(r"\\.|[{}]", re.DOTALL)


def undress(text: str) -> str:
    """Strip delimiters, emphasis, `\\text{}`, articles and closing punctuation from both ends.

    Answers only: what is longer than 1000 characters merely loses its outer white space.
    """
    while len(text) <= MAX_LENGTH:
        bare = _unwrap(_strip(text))
        if bare == text:
            return text
        text = bare
    return text.strip()


def alphabet(text: str) -> str:
    """The text in one alphabet: NFKC, ASCII signs for look-alikes, LaTeX for symbols and powers."""
    if text.isascii():
        return text
    text = _RAISED.sub(lambda m: "^{" + m[0].translate(_PLAIN_DIGITS) + "}", text)
    text = _LOWERED.sub(lambda m: "_{" + m[0].translate(_PLAIN_DIGITS) + "}", text)
    text = _VULGAR_AFTER_DIGIT.sub(" ", text)
    return unicodedata.normalize("NFKC", text).translate(_SIGNS)


def _strip(text: str) -> str:
    if text[:1] not in 'tTaA,;:* "\\\n' and text[-1:].isalnum():
        return text
    end = _TRAILING.search(text)
    text = text[: end.start()] if end else text
    start = _LEADING.match(text)
    return text[start.end() :] if start else text


def _unwrap(text: str) -> str:
    wrappers = _WRAPPERS.get(text[:1])
    if wrappers is None:
        return text
    for opening, closing in wrappers:
        inner = text[len(opening) : -len(closing)]
        if text.startswith(opening) and _closes(text, closing, len(opening)):
            return inner if opening not in inner and closing not in inner else text
    return _unwrap_braces(text)


def _closes(text: str, closing: str, opened: int) -> bool:
    return text.endswith(closing) and len(text) >= opened + len(closing)


def _unwrap_braces(text: str) -> str:
    command = _COMMAND.match(text)
    if command is None or not text.endswith("}"):
        return text
    depth = 0
    for brace in _BRACES.finditer(text, command.end()):
        depth += {"{": 1, "}": -1}.get(brace[0], 0)
        if depth == 0 and brace[0] == "}":
            return text[command.end() + 1 : -1] if brace.end() == len(text) else text
    return text
