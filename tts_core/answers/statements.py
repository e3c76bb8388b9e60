"""Explicit statements of an answer: "the answer is X", "Answer: X", "#### X", "答案是X"."""

import re
from collections import deque
from collections.abc import Iterator

from tts_core.answers.dressing import undress

MAX_VALUE = 400
_MAX_TRIED = 200

_NOUN = re.compile(
    r"\banswers?\b|(?:correct|right|best)\s(?:option|choice)\b|respuesta|resposta|risposta"
    r"|r[ée]ponse|antwort|ответ|答案|答え|정답|답|####|<answer>",
    re.IGNORECASE,
)
_GAP = r"[\s*_\"'”]{0,8}"
_ASIDE = r"(?:\s(?:to|for|of|here)\b[^.:=\n]{0,80}?)?"
_MODAL = r"(?:(?:would|should|must|will|can\sonly|has\sto)\s)?"
_CUE = re.compile(
    rf"(?:(?:answers?|\w+\s(?:option|choice)){_ASIDE}{_GAP}"
    rf"(?:{_MODAL}(?:be|is|are|was|equals)\b|[:=：]|->|→)"
    r"|(?<=final\s)answer[\s*_]{0,8}\n"
    rf"|(?:r[ei]sposta|respuesta|r[ée]ponse)(?:\s(?:finale?|correct[ae]))?{_GAP}(?::|\b[eé]s?t?\b|è\b)"
    rf"|antwort{_GAP}(?::|ist\b|lautet\b)|ответ{_GAP}[:—–-]"
    rf"|答案{_GAP}(?:应该是|應該是|就是|是|为|為|[:：])|答え{_GAP}[は:：]|정?답{_GAP}[은:]"
    r"|(?m:^)####(?=[ \t])|<answer>)"
    r"(?::?[*_]{1,3}(?=\s))?[\s:：]{0,8}(?:(?:simply|just|therefore|thus|indeed|clearly|definitely|exactly|about"
    r"|approximately|roughly|around)\s)?"
    r"(?:(?:\\\[|\$\$|```\w{0,10})\s{0,4}\n\s{0,8})?",
    re.IGNORECASE,
)
_END = re.compile(
    r"\n|</|[。！？]"
    r"|(?<!\bSt)(?<!\bMr)(?<!\bDr)(?<!\bMt)(?<!\bMs)(?<!\bMrs)[.?](?=[\s*\"')\]]|\Z)"
    r"|(?<=[^\W\d_])!(?=[\s*\"')\]]|\Z)"
    r"|,?\s(?:because|since|as\sit|as\sthe|but\snot)\b|,\s(?:as|so|which|where|not)\b|\s\((?=since|because)"
)
_FINISHED = frozenset("\n.!?。！？)]}*$%>\"'`")
_NO_VALUE = re.compile(r"not\b|n't\b|\?|\.\.\.|…|_{2,}|<|\[[a-z ]{3,}", re.IGNORECASE)


def statements(text: str, *, complete: bool = True) -> Iterator[str]:
    """The answers a text states explicitly, the last first; each up to the end of its sentence.

    In a trace that is not complete, a statement that runs into the cut is none: `Answer: 4` may
    have been about to say 42. Linear in the text.
    """
    nouns = deque((noun.start() for noun in _NOUN.finditer(text)), maxlen=_MAX_TRIED)
    cues = [cue.end() for noun in nouns if (cue := _CUE.match(text, noun))]
    for start in reversed(cues):
        value, end = _value(text, start)
        cut = not complete and end == len(text) and text[-1:] not in _FINISHED
        if _is_stated(undress(value)) and not cut and not _is_heading(text, start):
            yield value


def _is_stated(value: str) -> bool:
    return bool(value) and not _NO_VALUE.match(value)


def _is_heading(text: str, start: int) -> bool:
    """Whether a `####` opens a section, and is not GSM8K's mark of the answer."""
    line_start = text.rfind("\n", 0, start) + 1
    if not text.startswith("####", line_start):
        return False
    heading, _, rest = text[line_start : line_start + MAX_VALUE].partition("\n")
    return len(re.findall(r"[A-Za-z]{3}", heading)) > 0 and bool(rest.strip())


def _value(text: str, start: int) -> tuple[str, int]:
    stop = _END.search(text, start, start + MAX_VALUE)
    end = stop.start() if stop else min(start + MAX_VALUE, len(text))
    return text[start:end].strip(), stop.end() if stop else end
