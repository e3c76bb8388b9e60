"""A service about to meet a fault: runs are brought to a moment, and judged after it."""

import random
import re
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Self

from chaos.asking import Answered, Asking, questions
from chaos.faults import Fleet, Process, until
from chaos.measured import REPEATS
from chaos.record import Record
from chaos.script import HELD_AFTER_TOKENS, Script, traces_of
from scripted_upstream import Call, ScriptedUpstream
from service import Service

SAMPLERS = 2
THREADS = 96
ANSWERED_S = 90.0
KEPT_S = 10.0
BUDGET, WARMUP = 8, 4
OFFLINE = {"tts_strategy": "deepconf", "tts_budget": BUDGET}
ONLINE = {**OFFLINE, "tts_mode": "online", "tts_warmup": WARMUP, "tts_window_size": 8}
BURST = {**OFFLINE, "tts_budget": 64}
SOME = (OFFLINE, ONLINE, ONLINE, BURST)
TOKEN_S = 0.05
TOKENS_OF_SOME = 1100


@dataclass(frozen=True, slots=True)
class Moment:
    """Where a run stands: the traces `first` to `last` wait in their middle, those before are done."""

    name: str
    options: Mapping[str, Any]
    first: int
    last: int


MOMENTS = (
    Moment("the first round", OFFLINE, 0, BUDGET),
    Moment("some traces finished", OFFLINE, 3, BUDGET),
    Moment("the warm-up", ONLINE, 0, WARMUP),
    Moment("the adaptive round", ONLINE, WARMUP, BUDGET),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A run after a fault: how long it took from then on, who called how often, what was kept before."""

    name: str
    answered: Answered
    took_s: float
    calls: Mapping[int, list[Call]]
    kept_before: frozenset[int]
    endings: int

    @property
    def counts(self) -> dict[int, int]:
        """How often each trace was asked for."""
        return {trace: len(calls) for trace, calls in sorted(self.calls.items())}

    @property
    def finished_tokens(self) -> int:
        """The tokens of the calls that gave the traces of the answer."""
        return sum(calls[-1].tokens_sent for calls in self.calls.values())


class Playing:
    """A run that was asked for and goes on."""

    def __init__(self, stage: "Stage", name: str, options: Mapping[str, Any], **how: Any) -> None:
        (self.question,) = questions(name)
        self.name = name
        self.stage = stage
        stage.script.answers[self.question] = lambda trace: "7" if trace == 1 else "42"
        self.options, self.how = options, how
        self.future: Future[Answered] | None = None
        self.run_id = ""
        self.kept: frozenset[int] = frozenset()

    def begin(self) -> Self:
        """Ask."""
        self.future = self.stage.asking.ask(self.question, **self.how, **self.options)
        return self

    def wait(self) -> None:
        """Wait for the answer."""
        assert self.future
        self.future.result(ANSWERED_S)

    def known(self) -> Self:
        """Wait until the run is written down."""
        self.run_id = self.stage.record.open_run(self.question)
        return self

    def look(self) -> None:
        """Note what is kept now."""
        self.run_id = self.run_id or self.stage.record.find(self.question)
        if self.run_id:
            self.kept = frozenset(self.stage.record.kept(self.run_id))

    def has_kept(self, count: int) -> bool:
        """Whether so many of its traces are kept."""
        self.look()
        return len(self.kept) >= count

    def wait_until_kept(self, count: int) -> None:
        """Wait until so many of its traces are kept."""
        until(lambda: self.has_kept(count), KEPT_S)

    def wait_until_acknowledged(self) -> None:
        """Wait until the run is handed to the workers."""
        self.known()
        until(lambda: self.stage.record.run(self.run_id).acknowledged, KEPT_S)

    def calls(self, calls: list[Call] | None = None) -> dict[int, list[Call]]:
        """Its calls by trace."""
        return traces_of(self.stage.upstream.calls if calls is None else calls, self.question)

    def stands_at(self, moment: Moment, calls: list[Call]) -> bool:
        """Whether the traces of the moment wait."""
        mine = self.calls(calls)
        waiting = [mine[trace][0] for trace in range(moment.first, moment.last) if trace in mine]
        full = len(waiting) == moment.last - moment.first
        return full and all(call.tokens_sent == HELD_AFTER_TOKENS for call in waiting)

    def outcome(self, since_s: float) -> Outcome:
        """What became of it, told from the moment of a fault on (monotonic)."""
        assert self.future
        answered = self.future.result(ANSWERED_S)
        return Outcome(
            name=self.name,
            answered=answered,
            took_s=answered.at_s - since_s,
            calls=self.calls(),
            kept_before=self.kept,
            endings=self.stage.record.endings(answered.run_id),
        )


class Stage:
    """The service with everything that a test needs around it."""

    def __init__(self, fleet: Fleet, upstream: ScriptedUpstream, record: Record, asking: Asking) -> None:
        self.fleet, self.upstream, self.record, self.asking = fleet, upstream, record, asking
        self.service = fleet.service
        self.script = Script()

    @classmethod
    @contextmanager
    def of(cls, service: Service, upstream: ScriptedUpstream, samplers: int = SAMPLERS) -> Iterator[Self]:
        """The service, whole at the beginning and in the end."""
        upstream.reset()
        with ExitStack() as stack:
            record = stack.enter_context(Record.of(service))
            threads = stack.enter_context(ThreadPoolExecutor(THREADS))
            asking = stack.enter_context(Asking(service.base_url, threads))
            found = cls(Fleet(service, samplers), upstream, record, asking)
            upstream.reply = found.script
            until(found.fleet.is_steady if REPEATS > 1 else found.fleet.is_whole)
            stack.callback(found.script.release)
            yield found
            found.script.release()
            until(found.fleet.is_whole)

    @property
    def upstream_port(self) -> int:
        """Where the upstream listens."""
        return int(re.findall(r":(\d+)/", self.upstream.base_url)[0])

    def begin(self, name: str, options: Mapping[str, Any], **how: Any) -> Playing:
        """Ask a question in the background."""
        return Playing(self, name, options, **how).begin()

    def strike_at_some_moment(self, victims: Callable[[], list[Process]]) -> tuple[list[Playing], float]:
        """Kill when the upstream has sent some number of tokens to four runs; the runs, and when it was."""
        self.script.token_s = TOKEN_S
        playing = [self.begin("some moment", options) for options in SOME]
        tokens = random.randint(1, TOKENS_OF_SOME)
        self.upstream.wait_for(lambda calls: sum(call.tokens_sent for call in calls) >= tokens)
        for run in playing:
            run.look()
        return playing, max(process.kill() for process in victims())

    def bring_to(self, moments: Iterable[Moment], **how: Any) -> list[Playing]:
        """Runs that stand where the moments say, with what is finished written down."""
        playing = [(Playing(self, moment.name, moment.options, **how), moment) for moment in moments]
        for run, moment in playing:
            self.script.hold(run.question, range(moment.first, moment.last).__contains__)
            run.begin()
        self.upstream.wait_for(
            lambda calls: all(run.stands_at(moment, calls) for run, moment in playing), 30
        )
        for run, moment in playing:
            run.known().wait_until_kept(moment.first)
        return [run for run, _ in playing]


def settle(playing: Iterable[Playing], since_s: float) -> list[Outcome]:
    """What became of runs since a fault (monotonic)."""
    return [run.outcome(since_s) for run in playing]


@contextmanager
def stopped(process: Process) -> Iterator[Process]:
    """A process that stands still (SIGSTOP), and goes on afterwards if it still lives."""
    process.send(signal.SIGSTOP)
    try:
        yield process
    finally:
        process.send(signal.SIGCONT)
