"""Candidates: what a judge or a scorer chooses from, and what remains when it cannot choose."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tts_core.confidence import MEASURES
from tts_core.filtering import keep_all
from tts_core.model import Trace, Vote
from tts_core.voting import cast_vote, elect

NO_TIME = "The run ended before the traces could be judged: the answer is that of the plain vote."


@dataclass(frozen=True, slots=True)
class Candidate:
    """One that may be chosen: what trace `index` says, for all `traces` that say the same."""

    index: int
    text: str
    traces: tuple[int, ...]


def plain_vote(traces: Sequence[Trace]) -> Vote:
    """The majority: what a judge may overrule, and what remains when it fails."""
    return cast_vote(traces, MEASURES["mean"], keep_all, weighted=False)


def with_warning(vote: Vote, *warnings: str) -> Vote:
    """The vote with further words on it."""
    return replace(vote, warnings=(*vote.warnings, *warnings))


def said(trace: Trace) -> str:
    """What a trace puts before a judge: its text, else its answer (tool calls have no text)."""
    return trace.text.strip() or (trace.answer.text if trace.answer else "")


def taking_part(traces: Sequence[Trace]) -> list[Trace]:
    """The usable traces that say something; only those with an answer when one of them has one."""
    usable = [trace for trace in traces if trace.usable and not trace.judge]
    answered = [trace for trace in usable if trace.answer]
    return answered or [trace for trace in usable if said(trace)]


def candidates_of(traces: Sequence[Trace]) -> list[Candidate]:
    """One candidate an answer, else one a text, those with most votes first, then the first sampled."""
    entrants = taking_part(traces)
    by_index = {trace.index: trace for trace in entrants}
    classes = [found.traces for found in plain_vote(entrants).classes]
    if not classes:
        texts: dict[str, list[int]] = {}
        for trace in entrants:
            texts.setdefault(said(trace), []).append(trace.index)
        classes = [tuple(indexes) for indexes in texts.values()]
    found = [Candidate(min(same), said(by_index[min(same)]), tuple(same)) for same in classes]
    return sorted(found, key=lambda candidate: (-len(candidate.traces), candidate.index))


def shared(scores: Mapping[Candidate, float]) -> dict[int, float]:
    """The candidates' scores as those of all their traces, by trace index."""
    return {index: score for candidate, score in scores.items() for index in candidate.traces}


def scored(traces: Sequence[Trace], scores: Mapping[int, float], warnings: Sequence[str] = ()) -> Vote:
    """The vote that the scores make, by trace index."""
    return with_warning(elect(traces, scores), *warnings)


def unread(failed: int, calls: int) -> str:
    """A word on judge calls without a verdict."""
    return f"{failed} of {calls} judge calls failed or gave no verdict."
