"""A knockout tournament of answers (Chen et al. 2024, arXiv 2411.19477)."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from tts_core.candidates import (
    NO_TIME,
    Candidate,
    candidates_of,
    plain_vote,
    scored,
    shared,
    unread,
    with_warning,
)
from tts_core.judging import (
    JUDGE_TOKENS,
    NO_INSTRUCTIONS,
    JudgeTokens,
    chosen,
    judge_sampling,
    question_of,
    quoted,
    word_of,
)
from tts_core.model import Plan, Request, Round, Strategy, Trace
from tts_core.registry import Bounds, strategy

FIRST, SECOND, TIE = "A", "B", "tie"
TASK = (
    "Find out which candidate answers the question better: correctness decides, then completeness. Neither "
    "order nor length counts. Be brief, and end with your verdict in double brackets: "
    f"[[{FIRST}]], [[{SECOND}]] or [[{TIE}]]."
)
Pair = tuple[Candidate, Candidate]


@dataclass(frozen=True, slots=True)
class Played:
    """A tournament: how many levels each candidate has survived, the judge calls, those of them without a
    verdict, and whether the run ended before the tournament did."""

    levels: dict[Candidate, float]
    calls: int = 0
    failed: int = 0
    broken_off: bool = False


@strategy("pairwise_tournament", paper="Chen et al. 2024, arXiv 2411.19477")
def pairwise_tournament(
    request: Request,
    *,
    budget: Annotated[int, Bounds(1), "traces in all"] = 8,
    judge_calls: Annotated[int, Bounds(2), "judge calls at most, besides the traces"] = 16,
    judge_max_tokens: JudgeTokens = JUDGE_TOKENS,
) -> Strategy:
    """Have a judge compare the answers two by two, in both orders, until one is left."""
    round_ = yield Plan((replace(request.sampling, keep_text=True),) * budget)
    plain = plain_vote(round_.traces)
    candidates = candidates_of(round_.traces)
    if len(candidates) < 2:
        return plain
    if round_.last:
        return with_warning(plain, NO_TIME)
    entrants = candidates[: judge_calls // 2 + 1]
    played = yield from tournament(request, entrants, budget, judge_max_tokens)
    if played.broken_off:
        return with_warning(plain, NO_TIME)
    warnings = [unread(played.failed, played.calls)] if played.failed else []
    if len(entrants) < len(candidates):
        warnings.append(
            f"Only {len(entrants)} of {len(candidates)} answers were compared: tts_judge_calls."
        )
    return scored(round_.traces, shared(played.levels), warnings)


def tournament(
    request: Request, entrants: Sequence[Candidate], first: int, max_tokens: int
) -> Generator[Plan, Round, Played]:
    """A round a level, until one is left; `first` is the run-wide index of the first judge call."""
    played = Played(dict.fromkeys(entrants, 0.0))
    left = list(entrants)
    while len(left) > 1:
        pairs = paired(left)
        asked = tuple(
            judge_sampling(request, prompt(request, order), max_tokens=max_tokens)
            for pair in pairs
            for order in (pair, pair[::-1])
        )
        verdicts = yield Plan(asked)
        words = read(verdicts.traces, first + played.calls)
        missing = len(asked) - len(words)
        beaten = {loser(pair, words, 2 * place) for place, pair in enumerate(pairs)}
        left = [candidate for candidate in left if candidate not in beaten]
        levels = played.levels | {candidate: played.levels[candidate] + 1 for candidate in left}
        broken_off = verdicts.last and (missing > 0 or len(left) > 1)
        played = Played(levels, played.calls + len(asked), played.failed + missing, broken_off)
        if broken_off:
            break
    return played


def paired(seeds: Sequence[Candidate]) -> list[Pair]:
    """The pairs of a level: the best seed against the last, and so on; of an odd number the best one
    waits."""
    playing = seeds[len(seeds) % 2 :]
    half = len(playing) // 2
    return list(zip(playing[:half], reversed(playing[half:]), strict=True))


def read(verdicts: Sequence[Trace], first: int) -> dict[int, str]:
    """The verdicts that can be read, by the place of their call in its round; `first` is the run-wide
    index of the round's first call."""
    words = {verdict.index - first: chosen(word_of(verdict), (FIRST, SECOND, TIE)) for verdict in verdicts}
    return {place: word for place, word in words.items() if word}


def loser(pair: Pair, words: Mapping[int, str], place: int) -> Candidate:
    """Who is out: whom both orders found worse. Else it is a tie, and the better seed (more votes, then
    sampled earlier) goes on."""
    both = (words.get(place), words.get(place + 1))
    return pair[0] if both == (SECOND, FIRST) else pair[1]


def prompt(request: Request, pair: Pair) -> str:
    """The question and two candidates."""
    return "\n\n".join(
        [
            f"Two candidates have answered one question. {NO_INSTRUCTIONS}",
            quoted(question_of(request), "question"),
            f"Candidate {FIRST}:\n{quoted(pair[0].text, 'candidate')}",
            f"Candidate {SECOND}:\n{quoted(pair[1].text, 'candidate')}",
            TASK,
        ]
    )
