"""Beam search over steps (Snell et al. 2024, arXiv 2408.03314, section 5.2), scored by confidence."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Annotated

from tts_core.answers import read_answer
from tts_core.filtering import keep_all
from tts_core.model import Finish, Plan, Request, Round, Sampling, Strategy, Trace, Vote
from tts_core.prefilling import going_on, room_for, said_more
from tts_core.registry import Bounds, FromBudget, OneOf, strategy
from tts_core.voting import cast_vote

SEPARATORS = {"paragraph": "\n\n", "line": "\n", "length": ""}
SCORES: Mapping[str, Callable[[Iterable[float]], float]] = {
    "mean": fmean,
    "min": min,
    "last": lambda steps: list(steps)[-1],
}
BLIND = "Without usable logprobs no step could be scored: the first ones were kept."
FAILED = "{} beams could not be continued to their end; what they had come to voted."
CUT = "The search was ended before its time: the answer may lack its end."


@dataclass(frozen=True, slots=True)
class Beam:
    """The beginning of an answer: the trace that holds it, the confidence (nats) of each of its steps,
    its tokens. One that is `quiet` had nothing to add to its last step, which need not mean its end."""

    text: str = ""
    trace: Trace | None = None
    steps: tuple[float, ...] = ()
    tokens: int = 0
    finished: bool = False
    quiet: bool = False
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Search:
    """How beams grow: by steps of at most `step_tokens` up to `separator` (empty: by length alone)."""

    request: Request
    separator: str
    step_tokens: int
    score: Callable[[Iterable[float]], float]

    def step(self, beam: Beam) -> Sampling:
        """One more step of a beam."""
        room = room_for(self.request, beam.tokens)
        most = self.step_tokens if room is None else max(1, min(self.step_tokens, room))
        stop = {"stop": [self.separator]} if self.separator else {}
        return going_on(self.request, self.prefill(beam), most, **stop)

    def rest(self, beam: Beam) -> Sampling:
        """All that a beam still has to say. Nothing is put behind its text: a model that was at its end
        must be able to say nothing."""
        room = room_for(self.request, beam.tokens)
        return going_on(self.request, beam.text, None if room is None else max(1, room))

    def prefill(self, beam: Beam) -> str:
        """What a beam is to go on with: the separator that ended its step is not in its text."""
        stopped = beam.trace is not None and beam.trace.finish is Finish.STOP
        return beam.text + self.separator if stopped else beam.text

    def grown(self, beam: Beam, traces: Sequence[Trace]) -> Iterator[Beam]:
        """What a beam has become by some continuations; itself when there is none."""
        usable = [trace for trace in traces if trace.usable]
        further = [trace for trace in usable if beam.trace is None or said_more(trace, beam.text)]
        for trace in further:
            yield self.child(beam, trace)
        if beam.trace and not further:
            yield replace(beam, quiet=True, failed=not usable)

    def child(self, beam: Beam, trace: Trace) -> Beam:
        """A beam with one step more."""
        step = (trace.confidence.mean,) if trace.confidence else ()
        tokens = beam.tokens + trace.tokens
        is_full = room_for(self.request, tokens) == 0 and trace.finish is Finish.LENGTH
        finished = is_full or self.has_ended(trace)
        return Beam(trace.text, trace, (*beam.steps, *step), tokens, finished)

    def has_ended(self, trace: Trace) -> bool:
        """Whether a step is the last one. Upstreams call it `stop` when the separator ends a step as well
        as when the answer ends; only a stated answer tells them apart."""
        if trace.finish is Finish.STOP and self.separator:
            answer_format = self.request.sampling.answer_format
            if trace.answer is None or answer_format.startswith("regex:"):
                return False
            return read_answer(trace.text, answer_format, complete=False) is not None
        return trace.finish is not Finish.LENGTH

    def worth(self, beam: Beam) -> float | None:
        """A beam's score in nats; None when no step has a confidence."""
        return self.score(beam.steps) if beam.steps else None

    def best(self, beams: Iterable[Beam], most: int) -> list[Beam]:
        """The best beams, each text once; those without a score come last, of equals the first first."""
        ranked = sorted(beams, key=lambda beam: -(self.worth(beam) or 0.0))
        unique: dict[str, Beam] = {}
        for beam in ranked:
            unique.setdefault(beam.text, beam)
        return list(unique.values())[:most]


def cube_root(budget: int) -> int:
    """As many beams, expansions and steps as a budget has room for, all three alike."""
    return next(size for size in range(budget, 0, -1) if size**3 <= budget)


Beams = Annotated[
    int | None,
    Bounds(1),
    FromBudget(cube_root),
    "beginnings kept after each step; by default the cube root of the budget",
]
Expansions = Annotated[
    int | None,
    Bounds(1),
    FromBudget(cube_root),
    "continuations tried for each beginning; by default the cube root of the budget",
]
StepScore = Annotated[
    str, OneOf(tuple(SCORES)), "what a beam is worth, of the mean confidences of its steps"
]


@strategy("beam_search", paper="Snell et al. 2024, arXiv 2408.03314", needs=("prefill", "logprobs"))
def beam_search(
    request: Request,
    *,
    budget: Annotated[int, Bounds(1), "traces in all"] = 8,
    beams: Beams = None,
    expansions: Expansions = None,
    max_steps: Annotated[int, Bounds(1, 64), "steps; the last one goes on to the end of the answer"] = 8,
    step_end: Annotated[str, OneOf(tuple(SEPARATORS)), "what ends a step besides its length"] = "paragraph",
    step_tokens: Annotated[int, Bounds(1), "tokens that a step has at most"] = 256,
    step_score: StepScore = "mean",
) -> Strategy:
    """Grow answers step by step, and keep the beginnings that the model is most confident of."""
    separator = "" if "stop" in request.sampling.parameters else SEPARATORS[step_end]
    search = Search(request, separator, step_tokens, SCORES[step_score])
    width = min(budget, beams or cube_root(budget))
    tries = expansions or cube_root(budget)
    kept, asked, round_ = [Beam()], 0, Round(())
    for number in range(min(max_steps - 1, (budget - width) // (width * tries))):
        growing = [beam for beam in kept if not beam.finished and not beam.quiet]
        if not growing or round_.last:
            break
        ways = tries if number else width * tries
        round_ = yield Plan(tuple(search.step(beam) for beam in growing for _ in range(ways)))
        still = [beam for beam in kept if beam.finished or beam.quiet]
        kept = search.best([*still, *after(search, growing, dealt(round_, asked, ways))], width)
        asked += len(growing) * ways
    open_ = [beam for beam in kept if not beam.finished]
    if open_ and not round_.last:
        ways = 1 if asked else width
        round_ = yield Plan(tuple(search.rest(beam) for beam in open_ for _ in range(ways)))
        ended = after(search, open_, dealt(round_, asked, ways))
        kept = [beam for beam in kept if beam.finished] + [replace(b, finished=True) for b in ended]
    return vote_of(search, kept)


def dealt(round_: Round, first: int, ways: int) -> Callable[[int], list[Trace]]:
    """Which of a round's traces belong to the n-th beam, when each had so many and the first of all has
    the index `first`; a round that was closed early lacks some."""
    return lambda n: [trace for trace in round_.traces if (trace.index - first) // ways == n]


def after(search: Search, growing: Sequence[Beam], traces: Callable[[int], list[Trace]]) -> Iterator[Beam]:
    """What beams have become in a round."""
    return (child for n, beam in enumerate(growing) for child in search.grown(beam, traces(n)))


def vote_of(search: Search, kept: Sequence[Beam]) -> Vote:
    """The vote of the finished beams, or of all when none is; each weighs its score."""
    voting = [beam for beam in kept if beam.finished] or list(kept)
    scores = {beam.trace.index: search.worth(beam) for beam in voting if beam.trace}
    traces = [beam.trace for beam in voting if beam.trace]
    vote = cast_vote(traces, lambda trace: scores[trace.index], keep_all, weighted=True)
    failed = sum(beam.failed for beam in voting)
    told = {
        BLIND: traces and not any(scores.values()),
        FAILED.format(failed): failed,
        CUT: any(not beam.finished for beam in voting),
    }
    return replace(vote, warnings=(*vote.warnings, *(word for word, holds in told.items() if holds)))
