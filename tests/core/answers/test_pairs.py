"""The public table of pairs of answers: equal or different, by which layer, and why.

`key`: decided by the keys alone. `symbolic`: two mathematical keys that Math-Verify is asked about.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tts_core.answers import key, read_answer, read_tool_calls
from workers.equivalence import Equivalence

PAIRS = [json.loads(line) for line in Path(__file__).with_name("pairs.jsonl").read_text().splitlines()]
FORMATS = {"auto", "text", "choice", "number", "json", "code", "tool_calls"}

every_pair = pytest.mark.parametrize("pair", PAIRS, ids=lambda p: f"{p['one'][:20]}|{p['other'][:20]}")


@pytest.fixture(scope="module")
def equivalence() -> Iterator[Equivalence]:
    """One child for all pairs, and time enough for a busy machine."""
    found = Equivalence(children=1, closing_s=30, watchdog_s=5)
    yield found
    found.close()


def key_of(spelling: str, answer_format: str) -> str:
    if answer_format == "auto":
        return key(spelling)
    if answer_format == "tool_calls":
        answer = read_tool_calls(json.loads(spelling))
    else:
        answer = read_answer(spelling, answer_format)
    assert answer
    return answer.key


@every_pair
def test_two_answers_are_equal_or_not_as_the_table_says(
    pair: dict[str, Any], equivalence: Equivalence
) -> None:
    keys = [key_of(pair[name], pair["format"]) for name in ("one", "other")]
    found, _ = equivalence.cluster(keys, within_s=30)
    assert (keys[0] == keys[1] or bool(found.leaders)) is pair["equal"], pair["why"]
    assert pair["layer"] == "symbolic" or not found.leaders


def test_the_table_covers_every_format_and_both_layers() -> None:
    assert len(PAIRS) >= 300
    assert {pair["format"] for pair in PAIRS} == FORMATS
    assert {(pair["layer"], pair["equal"]) for pair in PAIRS} == {
        (layer, equal) for layer in ("key", "symbolic") for equal in (True, False)
    }
    assert all(pair["why"] for pair in PAIRS)
