"""What a request will ask of the upstream, found by playing its strategy against imagined rounds.

No bound follows from a strategy's code: it is a generator and may decide as it likes. So it is played in
four imagined worlds: all traces agree, all disagree, none has an answer or logprobs, all fail. The
fewest and the most calls among them are the extent, and a strategy that promises a `budget` is taken at
its word that it never asks for more.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tts_core.answers import read_answer
from tts_core.errors import StrategyFault
from tts_core.extending import BUDGET
from tts_core.model import Confidence, Finish, Plan, Request, Round, Sampling, Trace, Vote
from tts_core.run import Past, advance
from tts_core.stopping import met
from tts_core.strategies import strategies

ROUNDS = 100
TOKENS = 256
CERTAINTY = 10.0
LIMITS = ("max_completion_tokens", "max_tokens")
UNENDED = f"The strategy did not end within {ROUNDS} imagined rounds: how many there are is not known."

World = Callable[[Sampling, int], Trace]


@dataclass(frozen=True, slots=True)
class Extent:
    """The fewest and the most; `at_most` is None when no bound is known."""

    at_least: int
    at_most: int | None


@dataclass(frozen=True, slots=True)
class Rule:
    """What may end round `round` (from 0), or a trace in it, early: `by` is consensus, certainty, finished
    or threshold, `at` what it waits for (None: not known before the warm-up)."""

    by: str
    round: int
    at: float | None = None


@dataclass(frozen=True, slots=True)
class Played:
    """A strategy's way through one world: its plans, how many traces of each had to end (`needed`), calls
    started ahead in vain, and why it went wrong if it did."""

    plans: tuple[Plan, ...]
    needed: int
    vain: int = 0
    voted: bool = True
    fault: str | None = None

    @property
    def planned(self) -> int:
        """All calls that were asked for."""
        return sum(len(plan.samplings) for plan in self.plans) + self.vain

    @property
    def judged(self) -> int:
        """Those of them that judge traces."""
        return sum(sampling.judge for plan in self.plans for sampling in plan.samplings)


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a request asks for. `first` is its first plan (None: it votes at once), `completion_tokens`
    the most that all calls can yield (None: a call has no limit), one attempt each. Of the `calls`
    `judge_calls` judge traces."""

    first: Plan | None
    rounds: Extent
    calls: Extent
    judge_calls: Extent
    completion_tokens: int | None
    rules: tuple[Rule, ...]
    warnings: tuple[str, ...] = ()


def forecast(request: Request) -> Forecast:
    """The extent of a request over all imagined worlds. Raises StrategyFault when its strategy does not
    come to a first plan, StrategyGone when it is not installed."""
    start = advance(request, [])
    plays = [play(request, world) for world in WORLDS.values()]
    plans = [plan for played in plays for plan in played.plans]
    ended = all(played.voted for played in plays)
    rounds = [len(played.plans) for played in plays]
    calls = Extent(min(played.needed for played in plays), most_calls(request, plays))
    return Forecast(
        first=start if isinstance(start, Plan) else None,
        rounds=Extent(min(rounds), max(rounds) if ended else None),
        calls=calls,
        judge_calls=Extent(min(played.judged for played in plays), most_judged(plays) if ended else None),
        completion_tokens=most_tokens(calls.at_most, plans),
        rules=tuple(dict.fromkeys(rule for played in plays for rule in rules_of(played))),
        warnings=warnings_of(plays),
    )


def play(request: Request, world: World) -> Played:
    """Play the request's strategy in one world. Traces end one after the other, and a round is closed as
    soon as its rule holds."""
    history: list[Past] = []
    plans: list[Plan] = []
    needed = 0
    while len(plans) < ROUNDS:
        try:
            step = advance(request, history)
        except StrategyFault as fault:
            return Played(tuple(plans), needed, fault=fault.message)
        if isinstance(step, Vote):
            return Played(tuple(plans), needed, vain=len(plans[-1].ahead) if plans else 0)
        traces = imagined(step, world, sum(past.planned for past in history))
        needed += len(traces)
        plans.append(step)
        history.append(Past(len(step.samplings), Round(traces), step))
    return Played(tuple(plans), needed, voted=False)


def imagined(plan: Plan, world: World, before: int) -> tuple[Trace, ...]:
    """The plan's traces as far as they are needed; those of a closed round that are not, stay away."""
    traces: list[Trace] = []
    for number, sampling in enumerate(plan.samplings):
        trace = world(sampling, before + number)
        text = trace.text if sampling.keep_text else ""
        traces.append(replace(trace, judge=sampling.judge, model=sampling.model, text=text))
        if world is agreeing and plan.until and met(plan.until, traces):
            break
    return tuple(traces)


def most_calls(request: Request, plays: list[Played]) -> int | None:
    """The most calls; a budget of traces counts as a promise, also where no world used it up. Judges are
    called besides."""
    budget = request.options.get(BUDGET) if BUDGET in strategies()[request.strategy].options else None
    if not all(played.voted for played in plays) and budget is None:
        return None
    return max(budget or 0, *(played.planned - played.judged for played in plays)) + most_judged(plays)


def most_judged(plays: list[Played]) -> int:
    """The most judge calls."""
    return max(played.judged for played in plays)


def most_tokens(calls: int | None, plans: list[Plan]) -> int | None:
    """Completion tokens of so many calls, each as long as the longest may become; scorers yield none."""
    limits = {
        limit_of(sampling.parameters)
        for plan in plans
        for sampling in (*plan.samplings, *plan.ahead)
        if not sampling.scorer
    }
    known = [limit for limit in limits if limit is not None]
    return None if calls is None or len(known) < len(limits) else calls * max(known, default=0)


def limit_of(parameters: Mapping[str, Any]) -> int | None:
    """The completion tokens of a call; of two limits the larger, for an upstream may read either."""
    return max((parameters[name] for name in LIMITS if name in parameters), default=None)


def rules_of(played: Played) -> list[Rule]:
    """What may end each round early, or stop its traces."""
    found: list[Rule] = []
    for number, plan in enumerate(played.plans):
        until = plan.until
        if until:
            values = {"consensus": until.consensus, "certainty": until.beta, "finished": until.finished}
            found += [Rule(by, number, at) for by, at in values.items() if at is not None]
        if any(sampling.stop_below is not None for sampling in plan.samplings):
            found.append(Rule("threshold", number))
    return found


def warnings_of(plays: list[Played]) -> tuple[str, ...]:
    """What went wrong in a world; the real thing may meet it as well."""
    faults = [
        f"In the imagined case that {world}, {played.fault}."
        for world, played in zip(WORLDS, plays, strict=True)
        if played.fault
    ]
    return (*faults, *(() if all(played.voted for played in plays) else (UNENDED,)))


def agreeing(sampling: Sampling, index: int) -> Trace:
    """Everybody says the same."""
    return finished(sampling, index, answer=42)


def disagreeing(sampling: Sampling, index: int) -> Trace:
    """Nobody says what another one says."""
    return finished(sampling, index, answer=index)


def speechless(sampling: Sampling, index: int) -> Trace:
    """Nobody comes to an answer, and there are no logprobs."""
    bare = finished(sampling, index, answer=index)
    return replace(bare, answer=None, confidence=None, token_confidences=())


def failing(sampling: Sampling, index: int) -> Trace:  # noqa: ARG001 - a world like the others
    """The upstream gives nothing."""
    return Trace(index=index, finish=Finish.FAILED)


def finished(sampling: Sampling, index: int, answer: int) -> Trace:
    """A trace that came to its end, as certain of itself as all others.

    One that the strategy reads says little: the shorter it is, the more may follow it within max_tokens.
    """
    text = f"\\boxed{{{answer}}}"
    is_read = sampling.keep_text and not sampling.judge
    return Trace(
        index=index,
        finish=Finish.STOP,
        answer=read_answer(text, "boxed"),
        confidence=Confidence(CERTAINTY, CERTAINTY, CERTAINTY, CERTAINTY),
        tokens=1 if is_read else TOKENS,
        elapsed_s=float(index),
        token_confidences=(CERTAINTY,) * TOKENS if sampling.keep_confidences else (),
        text=sampling.prefill + text,
    )


WORLDS: Mapping[str, World] = {
    "all traces agree": agreeing,
    "all traces disagree": disagreeing,
    "no trace has an answer": speechless,
    "all traces fail": failing,
}
