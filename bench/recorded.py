"""Recorded traces of real models, and the scripts that replay them with their log-probabilities.

A file is gzip'd JSONL: `problem` rows in order (question, gold), `trace` rows (problem, sample, text,
finish, usage, answer, correct, token ids, their alternatives), and one `vocab` row (id to text).
"""

import gzip
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from bench.scripts import Script, Scripts, enclosed, event, spoken

PREFIX, SUFFIX = "traces_", ".jsonl.gz"
AT_HAND = 1000


class Problem(msgspec.Struct):
    """A question and its right answer."""

    question: str
    gold: str


class Outcome(msgspec.Struct):
    """What the recorder read out of a trace by its own rules."""

    problem: int
    sample: int
    answer: str | None
    correct: bool
    finish: str
    usage: dict[str, Any]

    @property
    def tokens(self) -> int:
        """Its length."""
        return self.usage["completion_tokens"]

    @property
    def cut(self) -> bool:
        """Whether it was cut at its limit."""
        return self.finish == "length"


class Recorded(msgspec.Struct):
    """A trace as it was recorded; nats, descending, per token."""

    text: str
    finish: str
    usage: dict[str, Any]
    tok: list[int]
    top_ids: list[list[int]]
    top_lp: list[list[float]]


class Kind(msgspec.Struct):
    """The kind of a row."""

    kind: str


class Vocabulary(msgspec.Struct):
    """The texts of token ids."""

    id_to_token: dict[int, str]


@dataclass(frozen=True)
class Recording:
    """One file: a model's traces on a set of problems. `lines` are the traces, not yet decoded."""

    name: str
    problems: Sequence[Problem]
    lines: Mapping[tuple[int, int], bytes]
    outcomes: Sequence[Outcome]
    vocabulary: Mapping[int, str]

    @property
    def samples(self) -> int:
        """Traces per problem."""
        return len(self.lines) // len(self.problems)

    @cached_property
    def numbers(self) -> Mapping[str, int]:
        """The number of a problem by its question."""
        return {problem.question: number for number, problem in enumerate(self.problems)}


def recordings(data: Path) -> Iterator[Recording]:
    """All recordings below a directory, by name."""
    for path in sorted(data.rglob(f"{PREFIX}*{SUFFIX}")):
        yield read_recording(path)


def read_recording(path: Path) -> Recording:
    """One file."""
    rows: dict[str, list[bytes]] = {}
    with gzip.open(path) as lines:
        for line in lines:
            rows.setdefault(msgspec.json.decode(line, type=Kind).kind, []).append(line)
    outcomes = [msgspec.json.decode(line, type=Outcome) for line in rows["trace"]]
    return Recording(
        name=path.name.removeprefix(PREFIX).removesuffix(SUFFIX),
        problems=[msgspec.json.decode(line, type=Problem) for line in rows["problem"]],
        lines={(o.problem, o.sample): line for o, line in zip(outcomes, rows["trace"], strict=True)},
        outcomes=outcomes,
        vocabulary=msgspec.json.decode(rows["vocab"][0], type=Vocabulary).id_to_token,
    )


def replay(data: Path) -> Scripts:
    """The scripts. `bench_run` is `recording/anything/seed`; the seed shuffles a problem's traces."""
    by_name = {recording.name: recording for recording in recordings(data)}

    @lru_cache(maxsize=AT_HAND)
    def rendered(name: str, number: int, sample: int) -> Script:
        found = by_name[name]
        trace = msgspec.json.decode(found.lines[number, sample], type=Recorded)
        return render(trace, found.vocabulary)

    def script(asked: Mapping[str, Any], order: int) -> Script:
        name, _, seed = asked["bench_run"].split("/")
        number = by_name[name].numbers[asked["messages"][-1]["content"]]
        samples = by_name[name].samples
        return rendered(name, number, shuffled(samples, f"{seed} {number}")[order % samples])

    return script


def shuffled(samples: int, seed: str) -> list[int]:
    """The order in which a problem's traces are served."""
    return Random(seed).sample(range(samples), samples)


def render(trace: Recorded, vocabulary: Mapping[int, str]) -> Script:
    """The stream of a recorded trace; the end-of-turn token is no part of a stream."""
    tokens = [vocabulary[token] for token in trace.tok]
    if tokens and not tokens[-1]:
        tokens.pop()
    tops = [
        [(vocabulary[token], logprob) for token, logprob in zip(ids, logprobs, strict=True)]
        for ids, logprobs in zip(trace.top_ids, trace.top_lp, strict=True)
    ]
    rows = zip(tokens, tops, pieces(trace.text, tokens), strict=False)
    events = [event([spoken(token, top, text=piece)]) for token, top, piece in rows]
    return enclosed(events, finish=trace.finish, completion_tokens=trace.usage["completion_tokens"])


def pieces(text: str, tokens: Sequence[str]) -> Sequence[str]:
    """The text in as many pieces; where characters spread over tokens, in equal ones."""
    if "".join(tokens) == text:
        return tokens
    count = len(tokens)
    return [text[i * len(text) // count : (i + 1) * len(text) // count] for i in range(count)]
