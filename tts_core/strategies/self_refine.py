"""Self-Refine (Madaan et al. 2023, arXiv 2303.17651)."""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from tts_core.candidates import plain_vote, said, with_warning
from tts_core.judging import JUDGE_TOKENS, NO_INSTRUCTIONS, JudgeTokens, judge_sampling, question_of, quoted
from tts_core.model import Plan, Request, Round, Sampling, Strategy, Trace
from tts_core.registry import Bounds, FromBudget, strategy

FLAWLESS = "FLAWLESS"
NO_FEEDBACK = "{} feedback calls failed: those versions stand as they were."
NO_REVISION = "{} revisions failed or came without an answer: the versions before them stand."
NO_TIME = "The run ended before the drafts were refined as often as was asked for."
GO_AGAIN = "Answer the question again with this feedback taken into account. Give the whole answer anew."
CRITICISE = (
    "Say what is wrong with the candidate, and how it is to be put right: check every step and the result. "
    "Be specific and brief; do not write a new answer. If there is nothing to improve, reply with the "
    f"single word {FLAWLESS}."
)

Step = Generator[Plan, Round, bool]


@dataclass(frozen=True, slots=True)
class Version:
    """A draft, or what became of it: its trace and the sampling that wrote it. One that is `open` may be
    refined; `fault` tells why it no longer may, when something failed."""

    trace: Trace
    written_by: Sampling
    open: bool = True
    feedback: str = ""
    fault: str = ""


def default_drafts(budget: int) -> int:
    """What leaves room for three refinements of each: a quarter of the budget, one at least."""
    return max(1, budget // 4)


@strategy("self_refine", paper="Madaan et al. 2023, arXiv 2303.17651")
def self_refine(
    request: Request,
    *,
    budget: Annotated[int, Bounds(1), "traces in all"] = 8,
    drafts: Annotated[
        int | None,
        Bounds(1),
        FromBudget(default_drafts),
        "drafts that are refined side by side; by default a quarter of the budget",
    ] = None,
    refinements: Annotated[int, Bounds(0, 8), "how often a draft is revised at most"] = 3,
    judge_max_tokens: JudgeTokens = JUDGE_TOKENS,
) -> Strategy:
    """Have a judge criticise each draft and the model write it anew, until there is nothing to improve."""
    writing = replace(request.sampling, keep_text=True)
    before = min(budget, drafts or default_drafts(budget))
    round_ = yield Plan((writing,) * before)
    last, left = round_.last, budget - before
    versions = [Version(trace, writing, open=bool(said(trace))) for trace in round_.traces if trace.usable]
    for _ in range(refinements):
        places = open_places(versions)[:left]
        if not places or last:
            break
        last = yield from criticise(request, versions, places, (before, judge_max_tokens))
        before += len(places)
        places = [place for place in places if versions[place].open]
        if not places or last:
            continue
        last = yield from revise(versions, places, before)
        before, left = before + len(places), left - len(places)
    vote = plain_vote([version.trace for version in versions])
    return with_warning(vote, *warnings_of(versions, cut=last))


def open_places(versions: Sequence[Version]) -> list[int]:
    """Which versions may be refined."""
    return [place for place, version in enumerate(versions) if version.open]


def criticise(
    request: Request, versions: list[Version], places: Sequence[int], extent: tuple[int, int]
) -> Step:
    """A round of feedback on the versions at these places. `extent`: the run-wide index of its first call,
    and the tokens of each."""
    first, max_tokens = extent
    round_ = yield Plan(tuple(feedback_on(request, versions[place], max_tokens) for place in places))
    for place, word in zip(places, in_order(round_, first, len(places)), strict=True):
        versions[place] = judged(versions[place], word)
    return round_.last


def revise(versions: list[Version], places: Sequence[int], first: int) -> Step:
    """A round of revisions of the versions at these places; `first` is the run-wide index of its first."""
    asked = [revision_of(versions[place]) for place in places]
    round_ = yield Plan(tuple(asked))
    for place, sampling, text in zip(places, asked, in_order(round_, first, len(asked)), strict=True):
        versions[place] = rewritten(versions[place], sampling, text)
    return round_.last


def feedback_on(request: Request, version: Version, max_tokens: int) -> Sampling:
    """The judge's call on a version; of nothing to improve it is to say a fixed word."""
    prompt = "\n\n".join(
        (
            f"Someone has answered a question. {NO_INSTRUCTIONS}",
            quoted(question_of(request), "question"),
            quoted(said(version.trace), "candidate"),
            CRITICISE,
        )
    )
    return judge_sampling(request, prompt, max_tokens=max_tokens)


def in_order(round_: Round, first: int, size: int) -> Iterator[Trace | None]:
    """A round's usable traces by the place of their sampling, None where there is none. `first` is the
    run-wide index of the round's first one."""
    found = {trace.index - first: trace for trace in round_.traces if trace.usable}
    return (found.get(place) for place in range(size))


def judged(version: Version, word: Trace | None) -> Version:
    """The version with its feedback; closed when there is nothing to improve, or the judge has failed."""
    text = word.text.strip() if word else ""
    if not text:
        return replace(version, open=False, fault=NO_FEEDBACK)
    flawless = text.splitlines()[-1].strip(" *_`'\"[].!") == FLAWLESS
    return replace(version, open=not flawless, feedback=text)


def revision_of(version: Version) -> Sampling:
    """The call that writes the next version: the question, each version so far and its feedback (eq. 4)."""
    turn = (
        {"role": "assistant", "content": said(version.trace)},
        {"role": "user", "content": f"{quoted(version.feedback, 'feedback')}\n\n{GO_AGAIN}"},
    )
    return replace(version.written_by, messages=(*version.written_by.messages, *turn))


def rewritten(version: Version, sampling: Sampling, trace: Trace | None) -> Version:
    """The next version; the one before when the revision has failed, or lost the answer on the way."""
    if trace is None or not said(trace) or (version.trace.answer and not trace.answer):
        return replace(version, open=False, fault=NO_REVISION)
    return Version(trace, sampling)


def warnings_of(versions: Sequence[Version], *, cut: bool) -> tuple[str, ...]:
    """What stood in the way of refining; `cut`: the run had to end."""
    if cut and any(version.open or version.fault for version in versions):
        return (NO_TIME,)
    faults = [version.fault for version in versions if version.fault]
    return tuple(fault.format(faults.count(fault)) for fault in dict.fromkeys(faults))
