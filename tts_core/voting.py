"""The vote: answer classes, their support, ties (DeepConf, section 3.1; Wang et al. 2022)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from tts_core.answers import classes
from tts_core.confidence import MEASURES, Measure
from tts_core.filtering import Filter, keep_all
from tts_core.model import Answer, AnswerClass, Trace, Vote

Order = Callable[[Trace], tuple[int, int]]
Weighing = Callable[[Sequence[float]], Sequence[float]]


@dataclass(frozen=True, slots=True)
class Ballot:
    """One voting trace: its answer class, its confidence in nats (None: not known), its weight."""

    trace: Trace
    answer: Answer
    answer_class: int
    confidence: float | None
    weight: float


def by_index(trace: Trace) -> tuple[int, int]:
    """Of equals, what was sampled first."""
    return trace.index, 0


def by_confidence(confidences: Sequence[float]) -> Sequence[float]:
    """A trace weighs its confidence (section 3.1)."""
    return confidences


def cast_vote(
    traces: Sequence[Trace],
    confidence: Measure,
    keep: Filter,
    *,
    weighted: bool,
    earlier: Order = by_index,
    weigh: Weighing = by_confidence,
) -> Vote:
    """Filter the answered traces by `confidence`, add up their support, take the best answer.

    `weigh` makes the weights of all known confidences (nats) that the filter kept, one each, none
    below 0. When not `weighted` or no trace has a confidence, every trace weighs 1.
    Ties go to the answer with more traces, then to the one whose first trace by `earlier` comes first.
    """
    usable = [trace for trace in traces if trace.usable and not trace.judge]
    answered = [trace for trace in usable if trace.answer]
    if not answered:
        return without_answers(usable, confidence)
    known = [confidence(trace) for trace in answered]
    kept = keep(known)
    warnings: tuple[str, ...] = ()
    if not kept:
        kept = keep_all(known)
        warnings = ("The filter kept no trace with an answer; all of them voted.",)
    if weighted and any(value is None for value in known):
        warnings += (missing_confidence(known),)
    confidences = [known[i] for i in kept]
    weights = weights_of(confidences, weigh) if weighted else [1.0] * len(kept)
    ballots = hold_ballots([answered[i] for i in kept], confidences, weights)
    return tally(sorted(ballots, key=lambda ballot: earlier(ballot.trace)), warnings)


def elect(traces: Sequence[Trace], scores: Mapping[int, float]) -> Vote:
    """The trace with the best score wins, whatever the others say.

    `scores` by trace index, higher is better; traces without one do not take part, nor do those without
    an answer when others have one. Of equal scores the answer with more votes wins, then the trace sampled
    first. A class weighs its best score and is represented by the trace that has it; `share` is of the
    votes.
    """
    usable = [trace for trace in traces if trace.usable and not trace.judge and trace.index in scores]
    taking_part = [trace for trace in usable if trace.answer] or usable
    ranked = sorted(taking_part, key=lambda trace: (-scores[trace.index], trace.index))
    vote = cast_vote(taking_part, MEASURES["mean"], keep_all, weighted=False)
    if not vote.classes:
        winners = tuple(trace.index for trace in ranked)
        return replace(vote, winners=winners, voters=tuple(sorted(winners)), warnings=())
    answers = {trace.index: trace.answer.text for trace in ranked if trace.answer}
    best = [next(t.index for t in ranked if t.index in found.traces) for found in vote.classes]
    order = sorted(zip(best, vote.classes, strict=True), key=lambda p: (-scores[p[0]], -p[1].votes, p[0]))
    classes = tuple(replace(c, answer=answers[i], weight=scores[i]) for i, c in order)
    return replace(
        vote,
        winners=tuple(index for index, _ in order),
        classes=classes,
        weighted_answer=classes[0].answer,
        agreement=classes[0].share,
        consensus=classes[0].share,
    )


def weights_of(confidences: Sequence[float | None], weigh: Weighing) -> list[float]:
    """The voters' weights: an unknown confidence weighs nothing; when none is known, each voter 1."""
    known = [value for value in confidences if value is not None]
    if not known:
        return [1.0] * len(confidences)
    weights = iter(weigh(known))
    return [0.0 if value is None else next(weights) for value in confidences]


def missing_confidence(known: Sequence[float | None]) -> str:
    """What to tell when some or all confidences are not known."""
    missing = sum(value is None for value in known)
    if missing == len(known):
        return "No trace came with usable logprobs: the votes are not weighted."
    return f"{missing} of {len(known)} traces came without usable logprobs and weigh nothing."


def hold_ballots(
    traces: Sequence[Trace], confidences: Sequence[float | None], weights: Sequence[float]
) -> list[Ballot]:
    """The voters with their answer classes."""
    answers = [trace.answer for trace in traces]
    return [
        Ballot(trace, trace.answer, answer_class, confidence, weight)
        for trace, answer_class, confidence, weight in zip(
            traces, classes(answers), confidences, weights, strict=True
        )
        if trace.answer and answer_class is not None
    ]


def tally(ballots: Sequence[Ballot], warnings: tuple[str, ...]) -> Vote:
    """Add up the ballots; sorting is stable, so that of equals the one met first comes first."""
    groups: dict[int, list[Ballot]] = {}
    for ballot in ballots:
        groups.setdefault(ballot.answer_class, []).append(ballot)
    ranked = sorted(groups.values(), key=support)
    total = sum(ballot.weight for ballot in ballots)
    result = tuple(answer_class(group, total) for group in ranked)
    majority = max(groups.values(), key=len)
    return Vote(
        winners=tuple(representative(group).trace.index for group in ranked),
        classes=result,
        voters=tuple(sorted(ballot.trace.index for ballot in ballots)),
        weighted_answer=result[0].answer,
        majority_answer=representative(majority).answer.text,
        confidence=mean_known([ballot.confidence for ballot in ballots]),
        agreement=result[0].votes / len(ballots),
        consensus=result[0].share,
        warnings=warnings,
    )


def support(group: Sequence[Ballot]) -> tuple[float, int]:
    """Sort key, best first: more weight, more traces."""
    return (-weight_of(group), -len(group))


def weight_of(group: Sequence[Ballot]) -> float:
    """V(a) = sum of the weights of the traces that answer a (section 3.1)."""
    return sum(ballot.weight for ballot in group)


def representative(group: Sequence[Ballot]) -> Ballot:
    """The most confident trace of an answer; of equals the one sampled first."""
    return max(group, key=lambda ballot: (ballot.confidence or 0.0, -ballot.trace.index))


def answer_class(group: Sequence[Ballot], total: float) -> AnswerClass:
    """One answer with its support; `share` of all weight, of all traces when nothing weighs."""
    weight = weight_of(group)
    return AnswerClass(
        answer=representative(group).answer.text,
        spellings=tuple(dict.fromkeys(ballot.answer.text for ballot in group)),
        traces=tuple(ballot.trace.index for ballot in group),
        weight=weight,
        share=weight / total if total else 0.0,
    )


def mean_known(confidences: Sequence[float | None]) -> float | None:
    """Mean over the confidences that are known."""
    known = [value for value in confidences if value is not None]
    return sum(known) / len(known) if known else None


def without_answers(usable: Sequence[Trace], confidence: Measure) -> Vote:
    """Nobody has an answer: the most confident trace speaks, and a warning says so."""
    if not usable:
        return Vote(winners=())
    best = max(usable, key=lambda trace: (confidence(trace) or 0.0, -trace.index))
    return Vote(
        winners=(best.index,),
        confidence=confidence(best),
        agreement=0.0,
        warnings=("No trace has an answer that can be voted on; the most confident one was taken.",),
    )
