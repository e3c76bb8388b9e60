"""Made-up traces whose confidence dips where they go wrong; the same for a question every time."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from bench.scripts import Script, Scripts, enclosed, event, spoken
from tts_core.confidence import token_confidence

TOP_LOGPROBS = 20
RIGHT = 42
WRONG = (41, 43, 40, 48)
MEDIAN_LENGTH, LENGTH_SPREAD, LENGTHS = 300, 0.25, (150, 500)
LEVEL, SPREAD, NOISE = 15.0, 0.7, 1.5
DIP, DIP_TOKENS, DIP_FROM = 5.0, 80, (0.2, 0.6)
STEP = 0.1
LOWEST = 1.0
FIRST_LOGPROB = -0.0813
SLOPE = 0.0137


@dataclass(frozen=True, slots=True)
class Wavering:
    """One trace: its answer and the confidence of each token in steps of 0.1 nats."""

    answer: int
    steps: NDArray[np.int64]


def draw(question: str, order: int, wrong: float) -> Wavering:
    """Trace number `order` of a question; a share `wrong` of them is wrong and dips for 80 tokens."""
    rng = np.random.default_rng(crc32(f"{question} {order}".encode()))
    length = int(np.clip(MEDIAN_LENGTH * np.exp(LENGTH_SPREAD * rng.normal()), *LENGTHS))
    nats = LEVEL + SPREAD * rng.normal() + NOISE * rng.normal(size=length)
    errs, begins = rng.random() < wrong, int(length * rng.uniform(*DIP_FROM))
    if errs:
        nats[begins : begins + DIP_TOKENS] -= DIP
    answer = int(rng.choice(WRONG)) if errs else RIGHT
    return Wavering(answer, np.rint(np.maximum(nats, LOWEST) / STEP).astype(np.int64))


@lru_cache(maxsize=1024)
def logprobs(step: int, k: int) -> tuple[float, ...]:
    """k log-probabilities, descending, whose negative mean is `step` tenths of a nat."""
    rest = (-step * STEP * k - FIRST_LOGPROB) / (k - 1)
    return FIRST_LOGPROB, *[rest + SLOPE * (k / 2 - rank) for rank in range(1, k)]


def confidences(trace: Wavering) -> list[float]:
    """What Chorus computes for each token of the trace."""
    return [token_confidence(logprobs(step, TOP_LOGPROBS)) or 0.0 for step in trace.steps.tolist()]


@lru_cache(maxsize=4096)
def said(token: str, step: int, k: int) -> bytes:
    """The event of a token of this confidence."""
    names = (token, *[f" other{rank}" for rank in range(1, k)])
    return event([spoken(token, list(zip(names, logprobs(step, k), strict=True)))])


def wavering(k: int) -> Scripts:
    """The scripts; `bench_wrong` in the request is the share of wrong traces."""

    def script(asked: Mapping[str, Any], order: int) -> Script:
        trace = draw(asked["messages"][-1]["content"], order, asked["bench_wrong"])
        *steps, last = trace.steps.tolist()
        events = [said(" step", step, k) for step in steps]
        return enclosed([*events, said(f" \\boxed{{{trace.answer}}}", last, k)])

    return script
