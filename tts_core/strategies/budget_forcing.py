"""Budget forcing: s1 (Muennighoff et al. 2025, arXiv 2501.19393, section 3.1)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from tts_core.confidence import MEASURES
from tts_core.filtering import keep_all
from tts_core.model import Finish, Plan, Request, Sampling, Strategy, Trace
from tts_core.prefilling import going_on, room_for, said_more
from tts_core.registry import Bounds, OneOf, strategy
from tts_core.voting import cast_vote

FINAL = "\n\nFinal Answer:"
WORDS = ("Wait", "Hmm", "Alternatively")
FAILED = "{} continuations failed; the version before each of them stands."
LOST = "{} chains thought on without coming to an answer again; the answers before that stand."
NO_ROOM = "max_tokens leaves no room to go on with an answer; it is the limit of the whole text."
FEWER = "tts_budget {} leaves room for {} of {} waits: a chain is 1 trace and 1 more for each continuation."


@dataclass(frozen=True, slots=True)
class Forcing:
    """How a chain is made to go on: so many `waits`, by this word; `thinking_tokens` end its thinking."""

    request: Request
    waits: int
    word: str
    thinking_tokens: int | None

    def first(self) -> Sampling:
        """The beginning of a chain."""
        return going_on(self.request, "", least(self.thinking_tokens, room_for(self.request, 0)))

    def next(self, chain: "Chain") -> "Chain":
        """The chain with what it is to go on with; with nothing when it has come to its end."""
        done = replace(chain, prefill="")
        if chain.trace is None or chain.ended:
            return done
        text, room = chain.trace.text.rstrip(), room_for(self.request, chain.tokens)
        is_cut = chain.trace.finish is Finish.LENGTH and self.thinking_tokens is not None
        if not is_cut and not self.thinks_on(chain):
            return done
        if room == 0:
            return replace(done, cramped=True)
        if is_cut:
            return replace(chain, prefill=text + FINAL, most_tokens=room, ended=True)
        waited, most = chain.waited + 1, least(self.left(chain), room)
        return replace(chain, prefill=f"{text}\n\n{self.word}", most_tokens=most, waited=waited)

    def thinks_on(self, chain: "Chain") -> bool:
        """Whether a chain that has ended by itself is to wait once more."""
        has_stopped = chain.trace is not None and chain.trace.finish is Finish.STOP
        return has_stopped and chain.waited < self.waits and self.left(chain) != 0

    def left(self, chain: "Chain") -> int | None:
        """How many tokens more a chain may think; None without a limit."""
        return None if self.thinking_tokens is None else max(0, self.thinking_tokens - chain.tokens)


@dataclass(frozen=True, slots=True)
class Chain:
    """One line of thought: the trace that holds it, the last one that came to an answer (`voter`), and
    what it is to go on with next (nothing: it has come to its end). `tokens` and `waited` count over all
    its traces."""

    trace: Trace | None = None
    voter: Trace | None = None
    prefill: str = ""
    most_tokens: int | None = None
    tokens: int = 0
    waited: int = 0
    ended: bool = False
    failed: bool = False
    cramped: bool = False

    def after(self, trace: Trace | None) -> "Chain":
        """The chain with a further trace; when that has failed or added nothing, it ends as it was."""
        if trace is None or not trace.usable or (self.trace and not said_more(trace, self.prefill)):
            failed = self.trace is not None and (trace is None or not trace.usable)
            return replace(self, prefill="", ended=True, failed=failed)
        voter = trace if trace.answer or not (self.voter and self.voter.answer) else self.voter
        return replace(self, trace=trace, voter=voter, tokens=self.tokens + trace.tokens)


@strategy("budget_forcing", paper="Muennighoff et al. 2025, arXiv 2501.19393", needs=("prefill",))
def budget_forcing(
    request: Request,
    *,
    budget: Annotated[int, Bounds(1), "traces in all"] = 8,
    waits: Annotated[int, Bounds(0, 16), "how often a chain that has ended is made to think on"] = 1,
    wait_word: Annotated[str, OneOf(WORDS), "the word it has to go on with"] = "Wait",
    max_thinking_tokens: Annotated[
        int | None, Bounds(1), "a chain that is longer has to give its final answer; none: it may think on"
    ] = None,
) -> Strategy:
    """Make chains of thought go on when they stop, or come to an answer, and let them vote."""
    forced = max_thinking_tokens is not None
    granted = min(waits, max(0, budget - 1 - forced))
    forcing = Forcing(request, granted, wait_word, max_thinking_tokens if budget > 1 else None)
    chains = [Chain()] * max(1, budget // (1 + granted + forced))
    round_ = yield Plan((forcing.first(),) * len(chains))
    chains = [forcing.next(chain) for chain in grown(chains, range(len(chains)), round_.traces)]
    asked = len(chains)
    while not round_.last and (going := [n for n, chain in enumerate(chains) if chain.prefill]):
        round_ = yield Plan(
            tuple(going_on(request, chains[n].prefill, chains[n].most_tokens) for n in going)
        )
        further = grown([chains[n] for n in going], range(asked, asked + len(going)), round_.traces)
        asked += len(going)
        for number, chain in zip(going, further, strict=True):
            chains[number] = forcing.next(chain)
    voters = [chain.voter for chain in chains if chain.voter]
    vote = cast_vote(voters, MEASURES["mean"], keep_all, weighted=False)
    told = warnings_of(chains)
    if granted < waits:
        told = (FEWER.format(budget, granted, waits), *told)
    return replace(vote, warnings=(*vote.warnings, *told))


def grown(chains: Sequence[Chain], indexes: Sequence[int], traces: Sequence[Trace]) -> Iterator[Chain]:
    """The chains after a round in which each was sampled under one of these indexes; a round that was
    closed early lacks some of them."""
    found = {trace.index: trace for trace in traces}
    return (chain.after(found.get(index)) for chain, index in zip(chains, indexes, strict=True))


def least(*limits: int | None) -> int | None:
    """The lowest of those limits that are there."""
    return min((limit for limit in limits if limit is not None), default=None)


def warnings_of(chains: Sequence[Chain]) -> tuple[str, ...]:
    """What became of the continuations."""
    failed = sum(chain.failed for chain in chains)
    lost = sum(chain.voter is not chain.trace for chain in chains)
    told = {
        FAILED.format(failed): failed,
        LOST.format(lost): lost,
        NO_ROOM: any(chain.cramped for chain in chains),
    }
    return tuple(word for word, holds in told.items() if holds)
