"""What the upstream says in these tests: traces that can be held in the middle, and who called twice."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import islice
from threading import Event

from scripted_upstream import Call, Reply, text
from scripted_upstream.exchange import Step, Wait

from workers.call import seed_of

TRACE_STRIDE = seed_of(0, 0, 1)
HELD_AFTER_TOKENS = 3
LOOK_AGAIN_S = 0.02
THOUGHT = "so we think on and on and find "

Answers = Callable[[int], str]


def question_of(call: Call) -> str:
    """The question that a call belongs to."""
    return str(call.body["messages"][-1]["content"])


def trace_of(call: Call) -> int:
    """Which trace of a request with seed 0 is calling."""
    return int(call.body["seed"]) // TRACE_STRIDE


def traces_of(calls: list[Call], question: str) -> dict[int, list[Call]]:
    """The calls of a question by trace."""
    found: defaultdict[int, list[Call]] = defaultdict(list)
    for call in calls:
        if question_of(call) == question:
            found[trace_of(call)].append(call)
    return dict(found)


def held(reply: Reply, released: Event, after_tokens: int = HELD_AFTER_TOKENS) -> Reply:
    """A reply that pauses after so many tokens until it is released."""

    def steps(call: Call) -> Iterator[Step]:
        playing = reply.steps(call)
        yield from islice(playing, 1 + 2 * after_tokens)
        while not released.is_set():
            yield Wait(LOOK_AGAIN_S)
        yield from playing

    return Reply(steps)


class Script:
    """Answers questions; traces named by `holds` wait for `release` when they are first asked for."""

    def __init__(self) -> None:
        self.holds: dict[str, Callable[[int], bool]] = {}
        self.answers: dict[str, Answers] = {}
        self.first_token_s: dict[str, float] = {}
        self.waited: set[tuple[str, int]] = set()
        self.released = Event()
        self.token_s = 0.0

    def hold(self, question: str, trace: Callable[[int], bool] = lambda _trace: True) -> None:
        """Have these traces of a question wait in their middle."""
        self.holds[question] = trace

    def release(self) -> None:
        """Have all go on that wait, and nobody wait any more."""
        self.released.set()

    def __call__(self, call: Call) -> Reply:
        question, trace = question_of(call), trace_of(call)
        answer = self.answers.get(question, lambda _trace: "42")(trace)
        reply = text(
            f"{THOUGHT}\\boxed{{{answer}}}",
            token_s=self.token_s,
            first_token_s=self.first_token_s.get(question, 0.0),
        )
        return held(reply, self.released) if self.waits(question, trace) else reply

    def waits(self, question: str, trace: int) -> bool:
        """Whether a call is to wait."""
        wanted = question in self.holds and self.holds[question](trace)
        if not wanted or (question, trace) in self.waited or self.released.is_set():
            return False
        self.waited.add((question, trace))
        return True
