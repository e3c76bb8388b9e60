"""What stands in the boxes of a LaTeX text."""

import re

_PIECE = re.compile(
    r"\\{1,2}f?boxed(?![A-Za-z])\s*(?:(\{)|(\\[A-Za-z]+|[^\s{}\\$]))?|\\{1,2}fbox\s*(\{)|\\.|[{}]",
    re.DOTALL,
)


def boxes(text: str) -> list[str]:
    """The contents of every balanced, non-empty `\\boxed{}` and `\\fbox{}`, in order of their start.

    Escaped braces do not count, an unclosed box is none, and `\\boxed 5` boxes one token, as in
    LaTeX. One pass, linear in the text.
    """
    found: list[tuple[int, int]] = []
    opened: list[tuple[int, bool]] = []
    first = _first_box(text)
    for piece in _PIECE.finditer(text, first):
        mark = piece[0]
        if piece[2]:
            found.append(piece.span(2))
        elif mark == "}" and opened:
            start, is_box = opened.pop()
            found.extend([(start, piece.start())] if is_box else [])
        elif mark[-1] == "{" and (mark == "{" or piece.lastindex):
            opened.append((piece.end(), mark != "{"))
    contents = (text[start:end].strip() for start, end in sorted(found))
    return [content for content in contents if content]


def _first_box(text: str) -> int:
    """Where the first box may be: braces before it are none of our business."""
    places = [place for place in (text.find("\\boxed"), text.find("\\fbox")) if place >= 0]
    return max(min(places) - 1, 0) if places else len(text)
