"""Source code as an answer: the last fenced block, and one key for sources that differ in layout only."""

import ast
import re
import warnings
from collections import deque
from hashlib import sha256

from tts_core.model import Answer

MAX_PYTHON = 40_000
_MAX_NESTING = 90
_FENCE = re.compile(r"^[ ]{0,3}(```+|~~~+)[ \t]*([\w+#.-]*)[^\n`]*\n", re.MULTILINE)
_PYTHON = frozenset(("", "py", "python", "python3", "py3"))
_HASH = frozenset(
    ("bash", "sh", "shell", "zsh", "ruby", "rb", "perl", "r", "julia", "elixir", "powershell")
)
_DASHES = frozenset(("sql", "mysql", "postgresql", "plpgsql", "sqlite", "lua", "ada"))
_BY_LAYOUT = frozenset(
    ("haskell", "hs", "yaml", "yml", "makefile", "nim", "fsharp", "coffeescript", "markdown")
)
# What is never closed goes on to the end of its line, or of the source: nothing is looked at twice.
_STRING = (
    r"\"(?:[^\"\\\n]|\\(?:.|\Z))*+(?:\"|(?=\n)|\Z)"
    r"|'(?:[^'\\\n]|\\(?:.|\Z))*+(?:'|(?=\n)|\Z)|`(?:[^`\\]|\\(?:.|\Z))*+(?:`|\Z)"
)
_WORD = r"\w+|[^\w\s]"
_SLASHES = r"//[^\n]*|/\*(?:[^*]|\*(?!/))*+(?:\*/|\Z)"
_TOKENS = {
    "slashes": re.compile(rf"({_STRING})|({_SLASHES})|({_WORD})", re.DOTALL),
    "hash": re.compile(rf"({_STRING})|((?<!\S)\#[^\n]*)|({_WORD}|\n)", re.DOTALL),
    "dashes": re.compile(rf"({_STRING})|(--[^\n]*|/\*(?:[^*]|\*(?!/))*+(?:\*/|\Z))|({_WORD})", re.DOTALL),
}
_DECLARES = re.compile(r"[;}]\s*\Z")
_PROSE = (ast.Name, ast.Constant, ast.Tuple, ast.Attribute, ast.Load, ast.Expr, ast.Module)


def read_code(text: str, *, complete: bool = True) -> Answer | None:
    """The code in a text: its last closed fence; else the whole text when that is code.

    Python is equal by its syntax tree: comments, docstrings, layout and quotes do not count. Other
    languages are equal by their tokens without comments and white space (shells and Ruby keep their
    line ends), or, when layout means something or no label tells the language, line by line.
    """
    found = _last_fence(text)
    if found is None:
        language, source = "", text.strip()
        if not complete or not _is_code(source):
            return None
    else:
        language, source = found
    return Answer(key=_key(language, source), text=source) if source.strip() else None


def _last_fence(text: str) -> tuple[str, str] | None:
    last, place = None, 0
    while opening := _FENCE.search(text, place):
        mark = opening[1]
        closing = re.compile(rf"^[ ]{{0,3}}{re.escape(mark)}[`~]*[ \t]*$", re.MULTILINE).search(
            text, opening.end()
        )
        if closing is None:
            break
        last = opening[2].lower(), text[opening.end() : closing.start()].strip("\n")
        place = closing.end()
    return last


def _is_code(source: str) -> bool:
    """Whether a text without a fence is code: Python that does something, or braces and semicolons."""
    tree = _tree(source)
    if tree is not None:
        return not all(isinstance(node, _PROSE) for node in ast.walk(tree))
    return bool(_DECLARES.search(source))


def _key(language: str, source: str) -> str:
    tree = _tree(source) if language in _PYTHON else None
    if tree is not None:
        return f"code:python:{_digest(ast.dump(tree))}"
    if language in _BY_LAYOUT or language in _PYTHON:
        lines = (line.rstrip() for line in source.expandtabs(4).splitlines())
        return f"code:lines:{_digest(chr(10).join(line for line in lines if line))}"
    kind = "hash" if language in _HASH else "dashes" if language in _DASHES else "slashes"
    return f"code:{kind}:{_digest(chr(0).join(_tokens(kind, source)))}"


def _tokens(kind: str, source: str) -> list[str]:
    """Strings as they are, words and signs one by one; line ends, where they count, once each."""
    found: deque[str] = deque(("\n",))
    for string, _, piece in _TOKENS[kind].findall(source):
        token = string or piece
        if token and not (token == "\n" == found[-1]):  # noqa: S105 - no password
            found.append(token)
    return [token for token in found if token][1:]


def _tree(source: str) -> ast.Module | None:
    """The syntax tree without docstrings; None for what is no Python, or too large or deep to parse."""
    if len(source) > MAX_PYTHON or _is_deep(source):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
            for node in ast.walk(tree):
                _drop_docstring(node)
            ast.dump(tree)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return tree


def _is_deep(source: str) -> bool:
    depth = deepest = 0
    for sign in re.findall(r"[(\[{)\]}]", source):
        depth += 1 if sign in "([{" else -1
        deepest = max(deepest, depth)
    return deepest > _MAX_NESTING


def _drop_docstring(node: ast.AST) -> None:
    kinds = (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    if isinstance(node, kinds) and len(node.body) > 1 and ast.get_docstring(node, clean=False) is not None:
        del node.body[0]


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8", "replace")).hexdigest()[:32]
