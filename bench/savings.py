"""Tokens and time that online DeepConf saves on traces that dip where they go wrong (Alg. 2)."""

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from bench.load import p50_p99
from bench.report import conditions, table
from bench.service import Service, running_service
from bench.wavering import LENGTHS, MEDIAN_LENGTH, Wavering, confidences, draw
from bench.wire import post_json
from tts_core.confidence import group_confidences

RATE = 100.0
WINDOW_TOKENS = 64
WARMUP = 16
BUDGETS = (32, 128)
QUESTIONS, QUICK_QUESTIONS = 2, 1
# Shares of wrong traces: nearly agreed, and in dispute.
SHARES = (1 / 8, 3 / 8)
MOST_TOKENS_PAST = 5
OFFLINE = "offline"
METHODS: Mapping[str, Mapping[str, object]] = {
    OFFLINE: {"tts_mode": "offline"},
    "eta 90 (high)": {"tts_eta": 90},
    "eta 90, async": {"tts_eta": 90, "tts_warmup_mode": "async"},
    "eta 10 (low)": {"tts_eta": 10},
    "eta 10, async": {"tts_eta": 10, "tts_warmup_mode": "async"},
}
ONLINE = {"tts_mode": "online", "tts_warmup": WARMUP, "tts_window_size": WINDOW_TOKENS}
HEADER = (
    "wrong", "budget", "method", "tokens", "saved", "own estimate", "wall s", "ratio", "winner",
    "stopped traces", "ended by consensus",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One cell of the experiment."""

    wrong: float
    budget: int
    method: str

    @property
    def judged_as_written(self) -> bool:
        """Whether the threshold was there before the traces it judges."""
        return self.method != OFFLINE and "async" not in self.method


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """One request. `tokens` is what the upstream wrote, `estimate` what Chorus thinks it saved;
    `past` has the tokens written past the one at which a trace fell below the threshold."""

    answer: str
    tokens: int
    estimate: int
    wall_s: float
    stopped: int
    by_consensus: bool
    past: tuple[int, ...]


def section(quick: bool, command: str, load_before: float) -> str:
    """Runs everything; the section of the page."""
    questions = QUICK_QUESTIONS if quick else QUESTIONS
    with running_service(script="wavering", rate=RATE) as service:
        asyncio.run(post_json(*posted(service, Case(wrong=0, budget=8, method=OFFLINE), "warm-up")))
        results = {case: list(answers(service, case, questions)) for case in cases()}
    return "\n\n".join(
        (
            "## Savings",
            f"{conditions(command, load_before)}\n\n{setting(questions)}",
            table(HEADER, [row(case, results) for case in results]),
            LEGEND,
            "### Reaction",
            reaction(results),
        )
    )


def cases() -> Iterator[Case]:
    """All cells, offline first in each group."""
    for wrong in SHARES:
        for budget in BUDGETS:
            for method in METHODS:
                yield Case(wrong=wrong, budget=budget, method=method)


def answers(service: Service, case: Case, questions: int) -> Iterator[Answered]:
    """Asks every question, one after the other."""
    print(case, flush=True)
    for number in range(questions):
        yield answered(service, case, f"Question {number}?")


def posted(service: Service, case: Case, question: str) -> tuple[str, dict]:
    """The URL and the body of a request; `bench_run` tells the upstream's records apart."""
    method = {**(ONLINE if case.method != OFFLINE else {}), **METHODS[case.method]}
    body = {
        "model": "bench",
        "bench_run": f"{case.wrong}/{case.budget}/{case.method}/{question}",
        "messages": [{"role": "user", "content": question}],
        "tts_strategy": "deepconf",
        "tts_budget": case.budget,
        "bench_wrong": case.wrong,
        **method,
    }
    return f"{service.base_url}/chat/completions", body


def answered(service: Service, case: Case, question: str) -> Answered:
    """One request, and what the upstream saw of it."""
    url, body = posted(service, case, question)
    asked_s = time.perf_counter()
    told = asyncio.run(post_json(url, body))["choices"][0]["tts_metadata"]
    wall_s = time.perf_counter() - asked_s
    calls = service.upstream_calls()[body["bench_run"]]
    return Answered(
        answer=told["answer"],
        tokens=sum(call["sent"] for call in calls),
        estimate=told["tokens"]["saved"],
        wall_s=wall_s,
        stopped=told["traces_stopped_early"],
        by_consensus=told["stopped_by"] == "consensus",
        past=tuple(tokens_past(case, calls, told["threshold"])) if case.judged_as_written else (),
    )


def tokens_past(case: Case, calls: Sequence[dict], threshold: float) -> Iterator[int]:
    """For each trace after the warm-up that fell below the threshold: tokens written after that."""
    for call in calls[WARMUP:]:
        fell_at = fell_below(draw(call["question"], call["order"], case.wrong), threshold)
        if fell_at is not None and fell_at <= call["sent"]:
            yield call["sent"] - fell_at


def fell_below(trace: Wavering, threshold: float) -> int | None:
    """The number of tokens at which the trace's group confidence is below `threshold` first."""
    (below,) = np.nonzero(group_confidences(confidences(trace), WINDOW_TOKENS) < threshold)
    return int(below[0]) + WINDOW_TOKENS if len(below) else None


def row(case: Case, results: Mapping[Case, Sequence[Answered]]) -> tuple[str, ...]:
    """A line of the table."""
    runs = results[case]
    offline = results[Case(wrong=case.wrong, budget=case.budget, method=OFFLINE)]
    base_tokens, base_s = total(offline, "tokens"), total(offline, "wall_s")
    same = sum(run.answer == base.answer for run, base in zip(runs, offline, strict=True))
    return (
        f"{case.wrong:.1%}",
        str(case.budget),
        case.method,
        f"{fmean(run.tokens for run in runs):.0f}",
        f"{1 - total(runs, 'tokens') / base_tokens:.1%}",
        f"{total(runs, 'estimate') / base_tokens:.1%}",
        f"{fmean(run.wall_s for run in runs):.2f}",
        f"{total(runs, 'wall_s') / base_s:.2f}",
        f"same {same}/{len(runs)}",
        f"{fmean(run.stopped for run in runs):.0f}",
        f"{sum(run.by_consensus for run in runs)}/{len(runs)}",
    )


def total(runs: Sequence[Answered], figure: str) -> float:
    """The sum over all questions."""
    return sum(getattr(run, figure) for run in runs)


def reaction(results: Mapping[Case, Sequence[Answered]]) -> str:
    """Tokens past the stopping point, by budget."""
    lines = []
    for budget in BUDGETS:
        runs = [run for case, each in results.items() if case.budget == budget for run in each]
        past = [float(tokens) for run in runs for tokens in run.past]
        p50, p99 = p50_p99(past)
        met = "yes" if p99 <= MOST_TOKENS_PAST else "**no**"
        lines.append(
            (str(budget), str(len(past)), f"{p50:.0f} / {p99:.1f}", str(max(past, default=0)), met)
        )
    header = ("budget", "traces that fell below", "tokens past p50 / p99", "most", "p99 <= 5")
    return f"{table(header, lines)}\n\n{REACTION}"


def setting(questions: int) -> str:
    """What was asked."""
    return (
        f"Made-up traces of {LENGTHS[0]} to {LENGTHS[1]} tokens (median {MEDIAN_LENGTH}) at {RATE:g} "
        "tokens/s with 20 top log-probabilities. Right traces answer 42 with a confidence "
        "around 15 nats; a share of traces is wrong and dips by 5 nats for 80 tokens. "
        "Every method is asked the same "
        f"{questions} questions, whose traces come in the same order; figures are means over them. "
        f"Warm-up {WARMUP} traces, groups of {WINDOW_TOKENS} tokens (what `auto` chooses here), "
        "consensus 0.95."
    )


LEGEND = (
    "*tokens*: written by the upstream, by its own record, for one request; *saved* and *ratio* (wall "
    "time): against offline DeepConf at the same budget; *own estimate*: `tts_metadata.tokens.saved` in "
    "the same unit; *winner*: questions answered as offline does. With a synchronous warm-up "
    "the rest starts when the warm-up has ended, which takes up to twice as long; an asynchronous "
    "one starts everything at once, and has little left to stop when the slowest of its warm-up "
    "traces has ended."
)
REACTION = (
    "How many tokens the upstream had written past the one at which the trace's group confidence fell "
    "below the threshold, computed from the upstream's own record (synchronous warm-ups, where the "
    "threshold is known before the trace begins). One token takes 10 ms here; a busy worker lets "
    "30 ms of tokens gather before it reads."
)
