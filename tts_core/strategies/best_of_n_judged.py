"""Best of N by calls: a language model's grades (pointwise), or the scores of an operator's scorer."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from tts_core.candidates import (
    NO_TIME,
    Candidate,
    candidates_of,
    plain_vote,
    said,
    scored,
    shared,
    taking_part,
    unread,
    with_warning,
)
from tts_core.judging import NO_INSTRUCTIONS, judge_sampling, last_number, question_of, quoted, word_of
from tts_core.model import Plan, Request, Round, Sampling, Strategy, Trace, Vote
from tts_core.scorers import HTTP, JUDGE, score_in, scorer_sampling

BEST_GRADE = 10.0
VARIED = 0.7
TOO_FEW_CALLS = (
    "tts_judge_calls allows for fewer than two candidates: the answer is that of the plain vote."
)
FAILED = "The answer is that of the plain vote."
TASK = (
    "Work out for yourself whether what the candidate concludes is correct, then whether it answers all "
    "that was asked. Length does not count. Be brief, and end with a grade from 0 (wrong) to 10 (surely "
    "correct and complete) in double brackets, like [[7]]."
)


@dataclass(frozen=True, slots=True)
class Jury:
    """Who scores (`judge`, `http:NAME`), how often each candidate, by how many calls and completion tokens
    at most."""

    scorer: str
    judgements: int
    calls: int
    max_tokens: int


@dataclass(frozen=True, slots=True)
class Scores:
    """What judge calls brought: the scores of the candidates that got one, how many calls there were, how
    many of them brought none, and whether the run ended with them."""

    of: dict[Candidate, float]
    calls: int
    failed: int
    last: bool


def best_of_judged(request: Request, budget: int, jury: Jury) -> Strategy:
    """Sample, have the candidates scored in one round, take the best."""
    round_ = yield Plan((replace(request.sampling, keep_text=True),) * budget)
    plain, candidates = plain_vote(round_.traces), candidates_of(round_.traces)
    if len(candidates) < 2:
        return plain
    if round_.last:
        return with_warning(plain, NO_TIME)
    if jury.scorer != JUDGE:
        candidates = singly(round_.traces, candidates)
    entrants = candidates[: jury.calls // jury.judgements]
    if len(entrants) < 2:
        return with_warning(plain, TOO_FEW_CALLS)
    scores = yield from scores_of(request, entrants, jury, budget)
    return settled(round_.traces, plain, candidates, scores)


def singly(traces: Sequence[Trace], candidates: Sequence[Candidate]) -> list[Candidate]:
    """Every trace for itself: the first of each answer before the further ones."""
    firsts = [candidate.index for candidate in candidates]
    by_index = {trace.index: trace for trace in taking_part(traces)}
    order = dict.fromkeys((*firsts, *by_index))
    return [Candidate(index, said(by_index[index]), (index,)) for index in order]


def scores_of(
    request: Request, entrants: Sequence[Candidate], jury: Jury, first: int
) -> Generator[Plan, Round, Scores]:
    """Have every entrant scored; `first` is the run-wide index of the first call."""
    calls = [call for entrant in entrants for call in (call_of(request, entrant, jury),) * jury.judgements]
    round_ = yield Plan(tuple(calls))
    values: dict[Candidate, list[float]] = {}
    for verdict in round_.traces:
        if (value := value_of(verdict, jury)) is not None:
            entrant = entrants[(verdict.index - first) // jury.judgements]
            values.setdefault(entrant, []).append(value)
    failed = len(calls) - sum(map(len, values.values()))
    means = {entrant: fmean(found) for entrant, found in values.items()}
    return Scores(means, len(calls), failed, round_.last)


def call_of(request: Request, candidate: Candidate, jury: Jury) -> Sampling:
    """The call that scores a candidate. Several grades at temperature 0 would all be the same one."""
    if jury.scorer != JUDGE:
        return scorer_sampling(request, jury.scorer.removeprefix(HTTP), candidate.text)
    sampling = judge_sampling(request, prompt(request, candidate), max_tokens=jury.max_tokens)
    if jury.judgements == 1:
        return sampling
    return replace(sampling, parameters={**sampling.parameters, "temperature": VARIED})


def value_of(verdict: Trace, jury: Jury) -> float | None:
    """The score in a call's answer; None when it has none."""
    if jury.scorer != JUDGE:
        return score_in(verdict)
    return last_number(word_of(verdict), 0, BEST_GRADE)


def settled(traces: Sequence[Trace], plain: Vote, candidates: Sequence[Candidate], scores: Scores) -> Vote:
    """The best by score, or the plain vote: a failing judge cannot depose the majority's answer, so that
    must have a score, as must another one."""
    leader = plain.classes[0].traces if plain.classes else candidates[0].traces
    by_trace = shared(scores.of)
    told = [unread(scores.failed, scores.calls)] if scores.failed else []
    broken_off = scores.last and scores.failed > 0
    if broken_off or len(scores.of) < 2 or not by_trace.keys() & set(leader):
        return with_warning(plain, *told, NO_TIME if broken_off else FAILED)
    left_out = len(candidates) - len(scores.of)
    if left_out:
        told.append(f"{left_out} of {len(candidates)} candidates were not judged and took no part.")
    return scored(traces, by_trace, told)


def prompt(request: Request, candidate: Candidate) -> str:
    """The question and one candidate."""
    return "\n\n".join(
        [
            f"Grade a candidate's answer to a question. {NO_INSTRUCTIONS}",
            quoted(question_of(request), "question"),
            quoted(candidate.text, "candidate"),
            TASK,
        ]
    )
