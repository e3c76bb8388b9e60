"""Shipped fakes, so that a strategy is tested without a server: scripted traces, play()."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count

from tts_core.answers import read_answer
from tts_core.model import Confidence, Finish, Plan, Request, Round, Sampling, Trace, Vote
from tts_core.run import Past, advance
from tts_core.stopping import met

ROUNDS = 1000

Answering = Callable[[Sampling, int], Trace]


def request(strategy: str, **options: object) -> Request:
    """A request that asks nothing in particular."""
    question = {"role": "user", "content": "What is 6*7?"}
    return Request(
        sampling=Sampling(model="scripted", messages=(question,)),
        strategy=strategy,
        options=options,
    )


def trace(text: str, confidence: float | None = 10.0, *, index: int = 0, **changes: object) -> Trace:
    """A finished trace with one confidence (nats) for all measures."""
    known = None if confidence is None else Confidence(confidence, confidence, confidence, confidence)
    answer = read_answer(text, "auto")
    fields = {"finish": Finish.STOP, "answer": answer, "confidence": known, "text": text}
    return Trace(index=index, **(fields | changes))  # type: ignore[arg-type]


def play(asked: Request, answering: Answering) -> Vote:
    """Run a strategy to its vote, every step replayed from the start as the shell does it.

    Traces end one after the other; a round closes as soon as its rule holds.
    """
    history: list[Past] = []
    numbers = count()
    for _ in range(ROUNDS):
        step = advance(asked, history)
        if isinstance(step, Vote):
            return step
        traces: list[Trace] = []
        for trace in answers(step, answering, numbers):
            traces.append(trace)
            if step.until and met(step.until, traces):
                break
        history.append(Past(len(step.samplings), Round(tuple(traces))))
    raise AssertionError(f"{asked.strategy} did not vote within {ROUNDS} rounds")


def answers(plan: Plan, answering: Answering, numbers: Iterator[int]) -> Iterator[Trace]:
    """The plan's traces, numbered through the run."""
    for sampling in plan.samplings:
        trace = answering(sampling, next(numbers))
        text = trace.text if sampling.keep_text else ""
        yield replace(trace, judge=sampling.judge, model=sampling.model, text=text)
