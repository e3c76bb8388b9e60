"""Which option of a multiple choice a text settles on."""

import re
from collections.abc import Iterator

from tts_core.answers.boxes import boxes
from tts_core.answers.conclusions import last_line
from tts_core.answers.dressing import alphabet, undress
from tts_core.answers.statements import statements

# "A" before a word is an article, so a bare letter needs a sign of being an option.
_LABEL = re.compile(
    r"(?:\\text\w*\{|[\s*_\"'$`])*(?:option|choice|answer)?(?:[\s*_:]*\\text\w*\{)?[\s*_:\"']*"
    r"(?:[(\[]\s*([A-Za-z])\s*[)\]]|([A-Za-z])(?=[).:*_}\]]|,\s|\s*\Z|\s+(?:is|because|since|as)\b)"
    r"|([B-HJ-Z])(?=\s))",
    re.IGNORECASE,
)
_OPTION_LINE = re.compile(
    r"[\s*_\"'>-]*(?:(?i:option|choice)\s+)?[(\[]?([A-Za-z])(?:[)\].:]+(?:\s|\*|\Z)|[*_]*\s*\Z)"
)
_IS_CORRECT = re.compile(
    r"(?:\(([A-Za-z])\)|\b(?:[Oo]ption|[Cc]hoice)\s+\(?([A-Za-z])\b\)?|(?<![\w'])([B-H])(?!\w))[*_\"'.)]{0,4}"
    r"\s(?:is|must be|would be|seems)\s(?:the\s)?(?:correct|right|best|answer)"
)
_MARKED = re.compile(r"\(([A-Ja-j])\)|\b(?:[Oo]ption|[Cc]hoice)\s+([A-Ja-j])\b")


def choice(text: str, *, complete: bool = True) -> str | None:
    """The option letter a text settles on, as it is spelt, or None.

    In order: the last box that holds one, the last explicit statement, a final line that is an
    option ("B", "(B) Paris", "**B.** Paris") or names just one. The article "A" is never read.
    """
    for value in _explicit(text, complete=complete):
        letter = _first(_LABEL.match(alphabet(value)))
        if letter:
            return letter
    return _of_line(alphabet(last_line(text))) if complete else None


def _explicit(text: str, *, complete: bool) -> Iterator[str]:
    yield from reversed(boxes(text))
    correct = [_first(found) for found in _IS_CORRECT.finditer(text)]
    stated = list(statements(text, complete=complete))
    yield from stated
    yield from (f"({letter})" for letter in reversed(correct))


def _of_line(line: str) -> str | None:
    option = _first(_OPTION_LINE.match(line)) or _first(_OPTION_LINE.match(undress(line)))
    if option:
        return option
    marked = {(_first(found) or "").upper() for found in _MARKED.finditer(line)}
    return marked.pop() if len(marked) == 1 else None


def _first(match: re.Match[str] | None) -> str | None:
    return next((group for group in match.groups() if group), None) if match else None
