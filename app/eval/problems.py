"""Problems with known answers, read from JSON lines in the shapes that public data sets have."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from string import ascii_uppercase
from typing import Any

Row = Mapping[str, Any]
AUTO = "auto"
CHOICE = "choice"
LAST_WORD = "####"
ID_LENGTH = 12
MOST_CHOICES = len(ascii_uppercase)
LETTER = re.compile(r"\(?([A-Za-z])\)?\.?")


class DataError(Exception):
    """What is wrong with a file of problems, and where."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A question, its right answer, and how answers to it are read (an answer format of Chorus). `id`
    follows from the question and the answer, so that a problem is known again in another file."""

    id: str
    question: str
    gold: str
    answer_format: str = AUTO


class Unreadable(Exception):
    """Why a row is no problem of a format."""


def read_problems(path: Path, shape: str = AUTO) -> tuple[str, list[Problem]]:
    """The problems of a file in the order they have there, and their format's name; a repeated problem
    counts once. Raises DataError naming the line."""
    rows = list(rows_of(path))
    if not rows:
        raise DataError(f"{path} has no problems in it.")
    name = shape if shape != AUTO else found_format(path, *rows[0])
    return name, list({p.id: p for p in (problem_of(path, name, *numbered) for numbered in rows)}.values())


def rows_of(path: Path) -> Iterator[tuple[int, Row]]:
    """The lines that are not empty, as objects, with their numbers from 1. Raises DataError."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}.") from error
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield number, object_in(path, number, line)


def object_in(path: Path, number: int, line: str) -> Row:
    """One line. Raises DataError."""
    try:
        found = json.loads(line)
    except ValueError as error:
        raise DataError(
            f"{path}, line {number}: not JSON ({error}). Every line is one JSON object; an array "
            "becomes lines by: jq -c '.[]'"
        ) from error
    if not isinstance(found, dict):
        raise DataError(f"{path}, line {number}: a {type(found).__name__}, not a JSON object.")
    return found


def found_format(path: Path, number: int, row: Row) -> str:
    """The format whose fields a row has. Raises DataError."""
    name = next((name for name, (_, fits) in FORMATS.items() if fits(row)), None)
    if name is None:
        raise DataError(
            f"{path}, line {number}: no format fits its fields ({', '.join(row) or 'none'}). A problem has "
            "'question' and 'answer', or 'problem' and 'answer'; multiple choice 'choices' or 'options'."
        )
    return name


def problem_of(path: Path, name: str, number: int, row: Row) -> Problem:
    """A row as a problem. Raises DataError."""
    read, _ = FORMATS[name]
    try:
        question, gold, answer_format = read(row)
    except Unreadable as error:
        raise DataError(f"{path}, line {number} ({name}): {error}") from error
    digest = sha256(json.dumps([question, gold]).encode()).hexdigest()[:ID_LENGTH]
    return Problem(digest, question, gold, answer_format)


Read = tuple[str, str, str]


def gsm8k(row: Row) -> Read:
    """The answer is what follows the last `####`; thousands are written with commas."""
    question, solution = field(row, "question"), field(row, "answer")
    _, mark, last = solution.rpartition(LAST_WORD)
    if not mark or not last.strip():
        raise Unreadable(f"'answer' has no '{LAST_WORD} n' at its end.")
    return question, last.strip(), AUTO


def posed(row: Row) -> Read:
    """MATH-500 and AIME: `problem` and `answer`, in either case."""
    return field(row, "problem", "Problem"), field(row, "answer", "Answer"), AUTO


def plain(row: Row) -> Read:
    """`question` and `answer`."""
    return field(row, "question"), field(row, "answer"), AUTO


def multiple_choice(row: Row) -> Read:
    """The options are put below the question by letters."""
    given = first_of(row, "choices", "options")
    options, right = lettered(given), first_of(row, "answer", "answerKey")
    question = field(row, "question")
    labels = given.get("label", ()) if isinstance(given, Mapping) else ()
    gold = right_letter(labels.index(right) if right in labels else right, options)
    listed = "\n".join(f"{letter}. {text}" for letter, text in options.items())
    return f"{question}\n\n{listed}", gold, CHOICE


def lettered(given: Any) -> dict[str, str]:
    """The options by letter: a list, an object by letter, or ARC's two lists `label` and `text`. Raises
    Unreadable."""
    if isinstance(given, Mapping) and {"label", "text"} <= given.keys():
        given = given["text"]
    if isinstance(given, Mapping):
        given = {str(key).strip().upper(): text for key, text in given.items()}
        if sorted(given) != list(ascii_uppercase[: len(given)]):
            raise Unreadable(f"The options are lettered {', '.join(given)}, not A, B, C, ...")
        given = [given[letter] for letter in sorted(given)]
    if not isinstance(given, Sequence) or isinstance(given, str) or not 1 < len(given) <= MOST_CHOICES:
        raise Unreadable(f"The options are no list or object of 2 to {MOST_CHOICES}.")
    return dict(zip(ascii_uppercase, map(str, given), strict=False))


def right_letter(given: Any, options: Mapping[str, str]) -> str:
    """The letter of the right option, given as a letter, an index from 0 or its text. Raises Unreadable."""
    by_text = [letter for letter, text in options.items() if text == given]
    if isinstance(given, str) and (found := LETTER.fullmatch(given.strip())):
        letter = found[1].upper()
    elif len(by_text) == 1:
        letter = by_text[0]
    elif isinstance(given, int) and not isinstance(given, bool) and 0 <= given < len(options):
        letter = ascii_uppercase[given]
    elif isinstance(given, str) and given.strip().isdecimal() and int(given) < len(options):
        letter = ascii_uppercase[int(given)]
    else:
        letter = ""
    if letter not in options:
        raise Unreadable(f"The answer {given!r} is neither a letter, an index from 0 nor an option's text.")
    return letter


def first_of(row: Row, *names: str) -> Any:
    """The first of these fields that is there. Raises Unreadable."""
    found = next((row[name] for name in names if row.get(name) is not None), None)
    if found is None:
        raise Unreadable(f"{' or '.join(map(repr, names))} is missing.")
    return found


def field(row: Row, *names: str) -> str:
    """The same as a text that is not empty; a number is spelt out. Raises Unreadable."""
    found = first_of(row, *names)
    if isinstance(found, bool) or not isinstance(found, str | int | float):
        raise Unreadable(f"{names[0]!r} is neither a text nor a number.")
    if not (text := str(found).strip()):
        raise Unreadable(f"{names[0]!r} is empty.")
    return text


def has(row: Row, *names: str) -> bool:
    """Whether one of these fields is there."""
    return any(name in row for name in names)


FORMATS: Mapping[str, tuple[Callable[[Row], Read], Callable[[Row], bool]]] = {
    "choice": (multiple_choice, lambda row: has(row, "choices", "options")),
    "gsm8k": (gsm8k, lambda row: has(row, "question") and LAST_WORD in str(row.get("answer"))),
    "math": (posed, lambda row: has(row, "problem") and has(row, "answer")),
    "aime": (posed, lambda row: has(row, "problem", "Problem") and has(row, "answer", "Answer")),
    "plain": (plain, lambda row: has(row, "question") and has(row, "answer")),
}
