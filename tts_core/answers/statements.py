"""Explicit statements of an answer: "the answer is X", "Answer: X", "#### X", "答案是X"."""

import re
from collections.abc import Iterator

from tts_core.answers.dressing import undress

MAX_VALUE = 400
_MAX_TRIED = 50

# Every repetition is bounded, so that one pass stays linear on any text.
_ASIDE = r"(?:\s+(?:to|for|of|here)\b[^.:=\n]{0,80}?)?"
_MODAL = r"(?:(?:would|should|must|will|can\s+only|has\s+to)\s+)?"
_LINK = rf"(?:{_MODAL}(?:be|is|are|was|equals)\b(?!\s*n[o']t\b)|[:=：]|->|→)"
_CUE = re.compile(
    rf"""
    (?: \b(?:answers?|(?:correct|right|best)\ (?:option|choice)){_ASIDE}[\s*_"'”]{{0,8}}{_LINK}
      | ^\W{{0,8}}final\ answer\W{{0,8}}\n
      | \b(?:respuesta|resposta|risposta|r[ée]ponse)(?:\s(?:final|finale|correcta|correcte))?
        [\s*_]{{0,8}}(?::|\b(?:es|est|é|è)\b)
      | \bantwort(?:\s(?:ist|lautet)\b|[\s*_]{{0,8}}:)
      | \bответ\b[\s*_]{{0,8}}[:—–-]
      | 答案[\s*_]{{0,8}}(?:应该是|應該是|就是|是|为|為|[:：])
      | 答え[\s*_]{{0,8}}[はﾊ:：]
      | (?:정답|답)[\s*_]{{0,8}}[은:]
      | ^\#\#\#\#(?=[ \t]*\S)(?![^\n]*[A-Za-z]{{3}}[^\n]*\n\s*\S)
      | <answer>
    )
    [\s*_:]{{0,8}} (?:(?:simply|just|therefore|thus|indeed|clearly|definitely|exactly)\s)?
    (?:(?:\\\[|\$\$|```\w{{0,10}})\s{{0,4}}\n\s{{0,8}})?
    """,
    re.VERBOSE | re.IGNORECASE | re.MULTILINE,
)
_END = re.compile(
    r"\n|</|[。！？]"
    r"|(?<!\bSt)(?<!\bMr)(?<!\bDr)(?<!\bMt)(?<!\bMs)(?<!\bMrs)[.?](?=[\s*\"')\]]|\Z)"
    r"|(?<=[^\W\d_])!(?=[\s*\"')\]]|\Z)"
    r"|,?\s(?:because|since|as\sit|as\sthe|but\snot)\b|,\s(?:as|so|which|where|not)\b|\s\((?=since|because)"
)
_FINISHED = frozenset(".!?。！？)]}*$%>\"'`")
_NO_VALUE = re.compile(r"(?:not\b|n't\b|\?|\.\.\.|…|_{2,}|\[|<)", re.IGNORECASE)


def statements(text: str, *, complete: bool = True) -> Iterator[str]:
    """The answers a text states explicitly, the last first; each up to the end of its sentence.

    In a trace that is not complete, a statement that runs into the cut is none: `Answer: 4` may
    have been about to say 42. Linear in the text.
    """
    cues = [cue.end() for cue in _CUE.finditer(text)][-_MAX_TRIED:]
    for start in reversed(cues):
        value, end = _value(text, start)
        cut = not complete and end == len(text) and text[-1:] not in _FINISHED
        if undress(value) and not _NO_VALUE.match(value) and not cut:
            yield value


def _value(text: str, start: int) -> tuple[str, int]:
    stop = _END.search(text, start, start + MAX_VALUE)
    end = stop.start() if stop else min(start + MAX_VALUE, len(text))
    return text[start:end].strip(), stop.end() if stop else end
