"""The strategies on recorded traces of real models, through the running service."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from bench.recorded import Outcome, Recording, recordings
from bench.report import conditions, table
from bench.service import Service, running_service
from bench.wire import post_json
from tts_core.answers import key

RATE = 200.0
IN_FLIGHT = 96
REPETITIONS, QUICK_REPETITIONS = 2, 1
# Their traces all vote, so that the order in which they come matters for ties alone.
ONCE = ("single", "self_consistency", "offline")
RESAMPLES = 10_000
SINGLE, MAJORITY = "single", "self_consistency"
GROUP_SHARE = 0.25
DEEPCONF = {"tts_strategy": "deepconf"}
METHODS: Mapping[str, Mapping[str, object]] = {
    SINGLE: {"tts_strategy": SINGLE},
    MAJORITY: {"tts_strategy": MAJORITY},
    "adaptive_consistency": {"tts_strategy": "adaptive_consistency"},
    "short_m_at_k (m = 3)": {"tts_strategy": "short_m_at_k"},
    "deepconf offline (defaults: top5, w 2048)": DEEPCONF,
    "deepconf offline (top50%, small w)": {**DEEPCONF, "tts_filter_method": "top50%"},
    "deepconf online, eta 90 (high)": {**DEEPCONF, "tts_mode": "online", "tts_eta": 90},
    "deepconf online, eta 10 (low)": {**DEEPCONF, "tts_mode": "online", "tts_eta": 10},
}
SMALL_WINDOW = "deepconf offline (top50%, small w)"
HEADER = (
    "strategy", "accuracy [95 %]", "against majority [95 %]", "tokens per question", "saved",
    "stopped traces", "ended early",
)  # fmt: skip

Points = NDArray[np.float64]
Asking = Callable[[dict], Awaitable[dict]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """One request about a problem, judged against the gold answer."""

    problem: int
    correct: bool
    stopped: int
    early: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One method on one recording. `points` is the mean accuracy of each problem, `tokens` what the
    upstream wrote for a question."""

    points: Points
    tokens: float
    stopped: float
    early: float


def section(data: Path, quick: bool, command: str, load_before: float) -> str:
    """Runs everything; the section of the page."""
    begun_s = time.perf_counter()
    with running_service(script="recorded", data=data.resolve(), rate=RATE) as service:
        repetitions = QUICK_REPETITIONS if quick else REPETITIONS
        parts = [part(service, recording, repetitions) for recording in recordings(data)]
    took_s = time.perf_counter() - begun_s
    introduction = f"{conditions(command, load_before)}\n\n{setting(repetitions, took_s)}"
    return "\n\n".join(("## Replay", introduction, *parts, LEGEND))


def part(service: Service, recording: Recording, repetitions: int) -> str:
    """All methods on one recording."""
    results = {name: asyncio.run(run(service, recording, name, repetitions)) for name in METHODS}
    lines = [row(name, result, results[MAJORITY]) for name, result in results.items()]
    return f"### {recording.name}\n\n{reference(recording)}\n\n{table(HEADER, lines)}"


async def run(service: Service, recording: Recording, method: str, repetitions: int) -> Result:
    """One method on all problems, as many at once as traces may be in flight."""
    print(recording.name, method, flush=True)
    room = asyncio.Semaphore(IN_FLIGHT if method == SINGLE else IN_FLIGHT // recording.samples)
    seeds = range(1 if any(word in method for word in ONCE) else repetitions)
    names = [f"{recording.name}/{method}/{seed}" for seed in seeds]
    asking = [
        answered(partial(ask, service, room), recording, body)
        for name in names
        for body in bodies(recording, method, name)
    ]
    answers = await asyncio.gather(*asking)
    calls = await asyncio.to_thread(service.upstream_calls)
    written = sum(call["sent"] for name in names for call in calls[name])
    return Result(
        points=accuracies(answers, len(recording.problems)),
        tokens=written / len(answers),
        stopped=fmean(answer.stopped for answer in answers),
        early=fmean(answer.early for answer in answers),
    )


def bodies(recording: Recording, method: str, name: str) -> Iterator[tuple[int, dict]]:
    """The requests of one repetition by problem; a single trace is asked for as often as there are."""
    times = recording.samples if method == SINGLE else 1
    for number, problem in enumerate(recording.problems):
        body = {
            "model": "bench",
            "bench_run": name,
            "messages": [{"role": "user", "content": problem.question}],
            **options(recording, method),
        }
        yield from [(number, body)] * times


def options(recording: Recording, method: str) -> dict[str, object]:
    """The method, with budget and window for these traces."""
    budget = {} if method == SINGLE else {"tts_budget": recording.samples}
    window = {"tts_window_size": small_window(recording)} if method == SMALL_WINDOW else {}
    return {**METHODS[method], **budget, **window}


def small_window(recording: Recording) -> int:
    """A quarter of the mean length, in tokens."""
    return max(1, round(GROUP_SHARE * fmean(outcome.tokens for outcome in recording.outcomes)))


async def ask(service: Service, room: asyncio.Semaphore, body: dict) -> dict:
    """`tts_metadata` of one request."""
    async with room:
        answer = await post_json(f"{service.base_url}/chat/completions", body)
    return answer["choices"][0]["tts_metadata"]


async def answered(asking: Asking, recording: Recording, request: tuple[int, dict]) -> Answered:
    """One request, judged."""
    number, body = request
    told = await asking(body)
    answer = told["answer"]
    return Answered(
        problem=number,
        correct=answer is not None and key(answer) == key(recording.problems[number].gold),
        stopped=told["traces_stopped_early"],
        early=told["stopped_by"] != "complete",
    )


def accuracies(answers: Sequence[Answered], problems: int) -> Points:
    """The share of right answers to each problem."""
    numbers = [answer.problem for answer in answers]
    right = np.bincount(numbers, weights=[answer.correct for answer in answers], minlength=problems)
    return right / np.bincount(numbers, minlength=problems)


def interval(points: Points) -> tuple[float, float]:
    """The 95 % interval of the mean, by resampling problems."""
    drawn = np.random.default_rng(0).integers(len(points), size=(RESAMPLES, len(points)))
    low, high = np.percentile(points[drawn].mean(axis=1), [2.5, 97.5])
    return float(low), float(high)


def row(method: str, result: Result, majority: Result) -> tuple[str, ...]:
    """A line of the table."""
    low, high = interval(result.points)
    gains = result.points - majority.points
    least, most = interval(gains)
    against = "" if result is majority else f"{gains.mean():+.3f} [{least:+.3f}, {most:+.3f}]"
    alone = method == SINGLE
    return (
        method,
        f"{result.points.mean():.3f} [{low:.3f}, {high:.3f}]",
        against,
        f"{result.tokens:.0f}",
        "" if alone else f"{1 - result.tokens / majority.tokens:.1%}",
        "" if alone else f"{result.stopped:.1f}",
        "" if alone else f"{result.early:.0%}",
    )


def reference(recording: Recording) -> str:
    """What the recording says of itself, without the service."""
    outcomes = recording.outcomes
    return (
        f"{len(recording.problems)} problems, {recording.samples} traces each, "
        f"{fmean(o.tokens for o in outcomes):.0f} tokens on average; {sum(o.cut for o in outcomes)} of "
        f"{len(outcomes)} traces were cut at their limit. As recorded: single "
        f"{fmean(o.correct for o in outcomes):.3f}, majority {recorded_majority(recording):.3f}. "
        f"The small window is {small_window(recording)} tokens."
    )


def recorded_majority(recording: Recording) -> float:
    """The majority's accuracy by the recorder's reading of the answers; a tie counts as a fraction."""
    by_problem: list[list[Outcome]] = [[] for _ in recording.problems]
    for outcome in recording.outcomes:
        by_problem[outcome.problem].append(outcome)
    return fmean(map(share_right, by_problem))


def share_right(outcomes: Sequence[Outcome]) -> float:
    """The share of right answers among the most frequent ones."""
    counts = Counter(outcome.answer for outcome in outcomes if outcome.answer)
    leaders = {answer for answer, count in counts.items() if count == max(counts.values())}
    right = {outcome.answer for outcome in outcomes if outcome.correct}
    return len(leaders & right) / len(leaders) if leaders else 0.0


def setting(repetitions: int, took_s: float) -> str:
    """What was replayed, and how."""
    return (
        "Recorded traces of real models, served again as "
        "OpenAI streams with their 20 top log-probabilities and voted on by the running service "
        f"({took_s:.0f} s in all, {IN_FLIGHT} traces in flight). Call i of a problem gets trace i of a "
        f"shuffled order, the same for every strategy; what depends on the order is asked {repetitions} "
        "times, in another order each time. "
        "Budget: all traces of a problem; everything else by default, so that online DeepConf warms up "
        "with half of the traces and chooses its window (`auto`). Answers are extracted by `auto` and "
        "compared with the right one by their keys. Intervals resample problems.\n\n"
        f"Tokens come at {RATE:g} per second and trace, all traces of a question at once. So stopping "
        "saves only what the stopped traces had still to say, less than with calls made one after "
        "another; a consensus in the warm-up also saves the second round."
    )


LEGEND = (
    "*as recorded*: by the recorder's own reading of answers, which also takes the last number of a trace "
    "that was cut (here it needs a box or a finished statement); ties as fractions. *tokens per question* "
    "and *saved*: written by the upstream, by its own record; *saved* is against `self_consistency`. "
    "*ended early*: requests that ended before all of their traces were sampled. `single` is the mean "
    "over all traces, asked for one by one. Small sets and many rows: of so many intervals a few miss "
    "zero by chance, so that the best row of a table is a choice, not a finding. The paper's defaults are "
    "meant for traces of thousands of tokens and a hundred of them."
)
