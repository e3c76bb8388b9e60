"""The typed, exact key of an answer: equal keys, same answer."""

import re

from tts_core.answers.calculations import result
from tts_core.answers.dressing import MAX_LENGTH, alphabet, undress
from tts_core.answers.latex import is_prose, tokenize
from tts_core.answers.members import spell_members
from tts_core.answers.numerals import read_number

_LETTER = re.compile(r"[(\[]?([A-Za-z])[)\]]?|\(([A-Ja-j])\)\s+\w.*|([A-J])\)\s+\w.*", re.DOTALL)
_VARIABLE = re.compile(r"\\?[A-Za-z]\s*(?:=|\\in(?![A-Za-z]))\s*(?=[^\s=][^=]+\Z|[^\sA-Za-z=]\Z)")
_OPERATOR = re.compile(r"[\\^_+=*/<>(\[{|,:%\d-]")
_TEXT_COMMAND = re.compile(r"\\(?:text|math)(?:bf|it|rm|normal|sf|tt)?\{([^{}]*)\}|\*\*|``?")


def key(text: str) -> str:
    """The key of an answer as it was spelt, in microseconds: `kind:value`.

    - `number:3/2` for everything `numerals.read_number` reads, also after `x =` or at the
      end of a calculation;
    - `letter:B` for a lone Latin letter of either case (so `x` is `X`), `(B)`, `B.`, `(B) Paris`;
    - `math:...` for other mathematics, as one LaTeX spelling that keeps the letters' case;
      a bare `x =` or `x \\in` before it goes, too;
    - `text:...` for the rest: NFKC, case-folded, without leading article, quotes and full stop;
      accents stay. Answers beyond 1000 characters are always text.
    """
    bare = " ".join(alphabet(text).split())
    if len(bare) > MAX_LENGTH:
        return "text:" + fold(bare)
    bare = undress(bare)
    return _other_than_text(bare) or "text:" + _folded(bare)


def text_key(text: str) -> str:
    """The `text:` key of an answer whatever it looks like."""
    bare = " ".join(alphabet(_TEXT_COMMAND.sub(r"\1", text)).split())
    return "text:" + fold(undress(bare))


def letter_key(letter: str) -> str:
    """The key of an option letter."""
    return "letter:" + letter.upper()


def fold(text: str) -> str:
    """Case folding that stays as it is when folded again."""
    return alphabet(alphabet(text).casefold()).casefold()


def _folded(bare: str) -> str:
    """The case-folded words, but `12 Monkeys` as it is: folded it would read as a number."""
    words, before = _words(bare), bare
    while words != before:
        words, before = _words(words), words
    return bare if _other_than_text(words) else words


def _words(bare: str) -> str:
    return undress(" ".join(fold(_TEXT_COMMAND.sub(r"\1", bare)).split()))


def _other_than_text(bare: str) -> str | None:
    return _number_or_letter(bare) or _calculation(bare) or _mathematics(bare)


def _calculation(bare: str) -> str | None:
    value = result(bare)
    return None if value is None else f"number:{value}"


def _number_or_letter(bare: str) -> str | None:
    number = read_number(bare)
    if number is not None:
        return f"number:{number}"
    letter = _LETTER.fullmatch(bare)
    return letter_key(letter[1] or letter[2] or letter[3]) if letter else None


def _mathematics(bare: str) -> str | None:
    if not _OPERATOR.search(bare):
        return None
    value = undress(_VARIABLE.sub("", bare, count=1)) if _VARIABLE.match(bare) else bare
    if value != bare and (simple := _number_or_letter(value)):
        return simple
    tokens = tokenize(value)
    spelling = "" if is_prose(tokens) else spell_members(tokens)
    if not spelling:
        return None
    simpler = (len(spelling), spelling) < (len(bare), bare)
    return key(spelling) if simpler else f"math:{spelling}"
