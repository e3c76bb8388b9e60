"""The answer formats: how each finds the answer of a trace."""

import re
from collections.abc import Callable

from tts_core.answers.boxes import boxes
from tts_core.answers.choices import choice
from tts_core.answers.conclusions import conclusion, last_line, last_number, one_value, short_line
from tts_core.answers.dressing import undress
from tts_core.answers.json_values import last_json, read_json
from tts_core.answers.keys import key, letter_key, text_key
from tts_core.answers.patterns import fault, last_match
from tts_core.answers.source_code import read_code
from tts_core.answers.statements import statements
from tts_core.errors import InvalidRequest
from tts_core.model import Answer

_REGEX = "regex:"
_MAX_TRIED = 50
_STRUCTURED = re.compile(r"\s*(?:```(?:json)?\s*)?(?:\{|\[\s*[{\"])")
_THOUGHT_ENDS = "</think>"


def check_answer_format(answer_format: str) -> str:
    """The format itself when it is one. Raises InvalidRequest on `tts_answer_format` otherwise."""
    if answer_format in _READERS:
        return answer_format
    if not answer_format.startswith(_REGEX):
        allowed = ", ".join(_READERS)
        raise _refused(f"{answer_format!r} is not one of {allowed} or regex:PATTERN.")
    reason = fault(answer_format.removeprefix(_REGEX))
    if reason is not None:
        raise _refused(f"the pattern of {answer_format!r} does not compile: {reason}.")
    return answer_format


def read_answer(text: str, answer_format: str, *, complete: bool = True) -> Answer | None:
    """The answer of a trace's text, or None when it gives none. Linear in the text.

    - `auto`: the last box; else the last explicit statement ("the answer is X", "#### X"); else
      the value its last sentence concludes with ("2+2 = 4", "So she has 12 apples left.", "The
      capital of France is Paris."); else a text of one short line as a whole. A text that is one
      JSON object is compared as JSON.
    - `boxed`: the last balanced `\\boxed{}` or `\\fbox{}`.
    - `choice`: one option letter, from a box, a statement or the final line.
    - `number`: the last boxed, else stated number, else the last number of the final line.
    - `code`: the last fenced block, by its normalised source; a text that is nothing but code, too.
    - `json`: the last JSON value. `text`: the box or statement, else the whole text, as text.
    - `regex:PATTERN`: the last match (RE2), its first group if it has one.

    What a `</think>` leaves behind it counts alone. With `complete=False` (cut at max_tokens)
    only boxes, statements that were finished, JSON and patterns count. `answer_format` must have
    passed `check_answer_format`.
    """
    text = _spoken(text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8"))
    if answer_format.startswith(_REGEX):
        return _answer(last_match(answer_format.removeprefix(_REGEX), text))
    return _READERS[answer_format](text, complete)


def _spoken(text: str) -> str:
    thought, tag, spoken = text.rpartition(_THOUGHT_ENDS)
    return spoken if spoken.strip() or not tag else thought


def _refused(reason: str) -> InvalidRequest:
    return InvalidRequest(f"tts_answer_format: {reason}", param="tts_answer_format")


def _answer(spelling: str | None, key_of: Callable[[str], str] = key) -> Answer | None:
    bare = undress(spelling) if spelling else None
    return Answer(key=key_of(bare), text=bare) if bare else None


def _explicit(text: str, complete: bool) -> str | None:
    boxed = boxes(text)
    return boxed[-1] if boxed else _stated(text, complete)


def _stated(text: str, complete: bool) -> str | None:
    value = next(statements(text, complete=complete), None)
    if value is None or not key(value).startswith("text:"):
        return value
    return one_value(value) or value


def _auto(text: str, complete: bool) -> Answer | None:
    if _STRUCTURED.match(text) and (structured := _whole_json(text)):
        return structured
    found = _explicit(text, complete)
    if found is None and complete:
        found = conclusion(text) or short_line(text)
    return _answer(found)


def _whole_json(text: str) -> Answer | None:
    spelling = text.strip().removeprefix("```json").removeprefix("```").removesuffix("```").strip()
    form = read_json(spelling)
    if form is None or not form.startswith(("{", "[{", '["')):
        return None
    return Answer(key=f"json:{form}", text=spelling)


def _boxed(text: str, _complete: bool) -> Answer | None:
    boxed = boxes(text)
    return _answer(boxed[-1]) if boxed else None


def _choice(text: str, complete: bool) -> Answer | None:
    return _answer(choice(text, complete=complete), letter_key)


def _number(text: str, complete: bool) -> Answer | None:
    for candidate in (*boxes(text)[:-_MAX_TRIED:-1], *statements(text, complete=complete)):
        for spelling in (candidate, one_value(candidate), last_number(candidate)):
            if spelling and key(spelling).startswith("number:"):
                return _answer(spelling)
    return _answer(last_number(last_line(text))) if complete else None


def _json(text: str, _complete: bool) -> Answer | None:
    found = last_json(text)
    return Answer(key=f"json:{found[1]}", text=found[0]) if found else None


def _code(text: str, complete: bool) -> Answer | None:
    return read_code(text, complete=complete)


def _text(text: str, complete: bool) -> Answer | None:
    whole = text.strip() if complete else None
    boxed = boxes(text)
    stated = boxed[-1] if boxed else next(statements(text, complete=complete), None)
    return _answer(stated or whole, text_key)


_READERS: dict[str, Callable[[str, bool], Answer | None]] = {
    "auto": _auto,
    "boxed": _boxed,
    "choice": _choice,
    "number": _number,
    "json": _json,
    "text": _text,
    "code": _code,
}
