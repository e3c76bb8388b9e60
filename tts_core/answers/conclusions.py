"""What a text ends on: the one value of its last sentence."""

import re

from tts_core.answers.dressing import alphabet, undress
from tts_core.answers.keys import key

MAX_LINE = 80
_MARKS = " \n\t*_`\"'.!。"
_MAX_SENTENCE = 400

_COURTESY = r"(?i:let me know|feel free|i hope|hope this|if you (?:have|need|want)|please)\b"
_NO_CONTENT = re.compile(r"[\s*_`$\\\[\]#=|-]*\Z|```\w*\s*\Z|</?\w+>\s*\Z|" + _COURTESY)
_SENTENCE_END = re.compile(r"[.!?](?=[*_\"')\]]*\s+[^\sa-z])|[。！？]")
_CONNECTIVE = re.compile(
    r"(?:[>\-*_#\s]|\d\.\s)*(?:so|therefore|thus|hence|then|finally|in (?:total|all|conclusion)"
    r"|in summary|altogether|overall|as a result|consequently|accordingly|this means(?: that)?"
    r"|we (?:get|have))\b[,:\s]*",
    re.IGNORECASE,
)
_LINK = re.compile(
    r"(?:\b(?:is|are|was|were|be|equals?|equal to|totals?|gives?(?: us)?|makes?|leaves?)\b"
    r"|(?<!\d):|:(?!\d)|[=≈])"
    r"(?:\s+(?:about|approximately|exactly|only|equal to|always|therefore|thus|then|now"
    r"|a total of)\b)*[\s*_]*"
)
_VERB_BEFORE_NUMBER = re.compile(
    r"\b(?:is|are|was|were|be|equals?|ha[sd]|have|gets?|got|gives?|makes?|made|costs?|takes?|took|needs?"
    r"|earns?|earned|remain(?:s|ed)?|spends?|spent|pays?|paid|leaves?|left with|used|uses|bought|sold"
    r"|a total of)\s+(?:about |exactly |only |now |a total of |\\\(|\$)*[\s*_$\\({]*\Z"
)
_NUMBER = re.compile(
    r"(?<![\w.,^/\\{])-?[$€£]?-?(?:\d[\d,]*(?:\.\d+)?|\.\d+)(?:/\d+|\s?\\?%)?(?![\d^_]|\.\d)"
    r"|-?(?:\d+\s?)?\\[dt]?frac\s?\{-?\d+\}\s?\{\d+\}"
)
_UNSOLVED = re.compile(
    r"\d\s*[A-Za-z](?![A-Za-z])|(?<![A-Za-z])[A-Za-z]\s*[+*/^-]|[+*/-]\s*[A-Za-z](?![A-Za-z])"
)
_SEVERAL = re.compile(r"(?:\b(?:or|and)|,)\s+[A-Za-z]\s*\Z")
_NAME = re.compile(
    r"(?i:the|it|it's|this|that|its|his|her|their|my|your)\b[^.]*?\s(?:is|was|are)\s+[\"'*_]*"
    r"((?:[^\W\d_a-z][\w'’.-]*)(?:\s(?:[^\W\d_a-z][\w'’.-]*|de|of|la|del|da|and)){0,4})[\"'*_]*\Z",
)
_NO_IDEA = re.compile(
    r"(?:i(?:'m| am)? (?:do not|don't|cannot|can't|could not|couldn't|not sure|sorry|unable)|sorry\b"
    r"|as an ai\b|n/?a\Z|none given|unknown\Z)",
    re.IGNORECASE,
)


def conclusion(text: str) -> str | None:
    """The value a complete text ends on, as it is spelt there, or None.

    The last line when it is nothing but a value; else, in its last sentence: what follows the last
    "=", "is" or ":" when that is one value; the only number of a sentence that concludes ("So she
    has 12 apples left."); the name in "The capital of France is Paris.". A number that merely
    happens to be the last one of the prose is no conclusion.
    """
    line = last_line(text)
    if len(line) > _MAX_SENTENCE * 3:
        return None
    if len(line) <= MAX_LINE and _is_value(line):
        return line
    return _of_sentence(_last_sentence(line))


def short_line(text: str) -> str | None:
    """A whole text that is one line of at most 80 characters and gives an answer, or None."""
    line = text.strip()
    if "\n" in line or len(line) > MAX_LINE or line.endswith(("?", "？", ":")):
        return None
    return None if _NO_IDEA.match(line) or not undress(line) else line


def last_line(text: str) -> str:
    """The last line that says something, without the list marker."""
    lines = text.rstrip().rsplit("\n", 8)
    for line in reversed(lines):
        if not _NO_CONTENT.match(line):
            return line.strip()
    return ""


def last_number(text: str) -> str | None:
    """The last number of a line, as it is spelt."""
    numbers = _NUMBER.findall(alphabet(text)[-_MAX_SENTENCE:])
    return numbers[-1] if numbers else None


def one_value(text: str) -> str | None:
    """The value stated by a longer phrase ("the total is 18"), or None."""
    return _of_sentence(text) if len(text) <= _MAX_SENTENCE else None


def _of_sentence(sentence: str) -> str | None:
    body = sentence.strip(_MARKS)
    if len(body) > _MAX_SENTENCE or body.endswith("?"):
        return None
    connective = _CONNECTIVE.match(body)
    said = body[connective.end() :] if connective else body
    return (
        _after_last_link(undress(said))
        or _only_number(undress(said), connective is not None)
        or _name(said)
    )


def _after_last_link(said: str) -> str | None:
    links = list(_LINK.finditer(said))
    if not links:
        return None
    tail = said[links[-1].end() :]
    before = said[links[-2].end() if len(links) > 1 else 0 : links[-1].start()]
    one_of_several = len(links) > 1 and _SEVERAL.search(before)
    if links[-1][0][0] == "=" and (one_of_several or _UNSOLVED.search(undress(before))):
        return None
    return tail if _is_value(tail) else None


def _only_number(said: str, concludes: bool) -> str | None:
    numbers = list(_NUMBER.finditer(alphabet(said)))
    if len({key(number[0]) for number in numbers}) != 1:
        return None
    last = numbers[-1]
    verb = _VERB_BEFORE_NUMBER.search(alphabet(said)[: last.start()])
    return last[0] if concludes or verb else None


def _name(said: str) -> str | None:
    name = _NAME.match(said)
    return name[1] if name else None


def _is_value(text: str) -> bool:
    if not undress(text):
        return False
    kind = key(text).partition(":")[0]
    lone_word = undress(text)
    return kind == "number" or (kind == "letter" and lone_word[:2].upper() == lone_word[:2])


def _last_sentence(line: str) -> str:
    ends = [end.end() for end in _SENTENCE_END.finditer(line)]
    rest = [line[end:] for end in ends if line[end:].strip(" *_\"')")]
    return rest[-1].strip() if rest else line
