"""Has a running Chorus sample a pool of traces for each problem, several problems at once."""

from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from hashlib import sha256
from json import dumps
from threading import Event
from typing import Any, TypeVar

from app.eval.problems import CHOICE, Problem
from app.eval.storage import Asked, Pool
from app.remote import AskError, Service

MOST_ATTEMPTS = 20
MOST_REFUSALS = 30
SOON_S = 2.0
KEPT = (
    *("index", "text", "reasoning", "tool_calls", "answer", "finish_reason", "stop_reason", "confidence"),
    *("tokens", "usage", "error", "first_token_s", "elapsed_s", "model", "token_confidences"),
)
BY_LETTER = '\n\nEnd with a line "Answer: X", where X is the letter of the right option.'
HOPELESS = (None, 401, 403, 404)
UNDER_WAY = ("queued", "in_progress")
ENDED = ("done", "failed", "stopped")
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 2.0

T = TypeVar("T")
R = TypeVar("R")


class Interrupted(Exception):
    """The run was told to end."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A problem without traces, and why; `hopeless`: the next one would fare no better."""

    problem: Problem
    reason: str
    hopeless: bool = False


@dataclass(slots=True)
class Collector:
    """Samples pools by the service. `tell` hears how many more traces have ended."""

    service: Service
    asked: Asked
    at_once: int
    tell: Callable[[int], None] = lambda _: None
    stopping: Event = field(default_factory=Event)

    def collect(self, problems: Sequence[Problem]) -> Generator[Pool | Failed]:
        """Each problem's pool as soon as it is there."""
        yield from self.each(problems, self.sample, lambda problem: problem)

    def each(
        self, tasks: Sequence[T], work: Callable[[T], R | Failed], problem_of: Callable[[T], Problem]
    ) -> Generator[R | Failed]:
        """What `work` makes of each task, several at once. Left early, it waits for no answer: what is
        under way goes on in the service, where the next run finds it."""

        def tried(task: T) -> R | Failed:
            try:
                return work(task)
            except AskError as error:
                return Failed(problem_of(task), str(error), hopeless=error.status in HOPELESS)
            except Interrupted as error:
                return Failed(problem_of(task), str(error))

        waiting = deque(tasks)
        running: set[Future[R | Failed]] = set()
        threads = ThreadPoolExecutor(self.at_once, thread_name_prefix="problem")
        try:
            while waiting or running:
                while waiting and len(running) < self.at_once:
                    running.add(threads.submit(tried, waiting.popleft()))
                done, running = wait(running, return_when=FIRST_COMPLETED)
                yield from (ended.result() for ended in done)
        finally:
            self.stopping.set()
            threads.shutdown(cancel_futures=True)

    def sample(self, problem: Problem) -> Pool | Failed:
        """One problem's pool. A job of an earlier run that has traces is taken as it is. Raises AskError,
        Interrupted."""
        return self.read(problem, self.ended(self.handed_in(body_of(self.asked, problem))))

    def ended(self, job: Mapping[str, Any]) -> Mapping[str, Any]:
        """The job once it is through. Raises AskError, Interrupted."""
        done, pause_s = 0, FIRST_PAUSE_S
        while True:
            progress = job["progress"]["traces"]
            now = sum(progress[way] for way in ENDED)
            self.tell(now - done)
            done = now
            if job["status"] not in UNDER_WAY:
                return job
            if self.stopping.wait(pause_s):
                raise Interrupted("it goes on in the service, and the next run takes it up")
            pause_s = min(LONGEST_PAUSE_S, pause_s * 1.5)
            job = self.service.job(job["id"])

    def handed_in(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The problem's job: the one that is there already unless it has failed. Raises AskError."""
        name = sha256(dumps(body, sort_keys=True).encode()).hexdigest()[:32]
        for attempt in range(MOST_ATTEMPTS):
            job = self.submitted(body, f"eval-{name}-{attempt}")
            if job["status"] not in ("failed", "cancelled"):
                return job
        raise AskError(f"{MOST_ATTEMPTS} jobs for it have failed.")

    def submitted(self, body: Mapping[str, Any], once: str) -> dict[str, Any]:
        """A job that was handed in, as soon as the service takes it. Raises AskError."""
        for _ in range(MOST_REFUSALS):
            try:
                return self.service.submit(body, once)
            except AskError as error:
                if error.status not in (429, 503) or self.stopping.is_set():
                    raise
                refusal = error
                self.stopping.wait(error.retry_after_s or SOON_S)
        raise refusal

    def read(self, problem: Problem, job: Mapping[str, Any]) -> Pool | Failed:
        """A job that has ended. Raises AskError."""
        if job["error"]:
            return Failed(problem, job["error"]["message"])
        if job["status"] == "cancelled":
            return Failed(problem, "its job was cancelled")
        traces = tuple(
            {name: trace[name] for name in KEPT}
            for trace in self.service.traces(job["id"])
            if not trace["judge"]
        )
        return Pool(problem=problem, job_id=job["id"], traces=traces)


def body_of(asked: Asked, problem: Problem) -> dict[str, Any]:
    """The job that samples a problem's pool: a plain vote that keeps every token's confidence."""
    return {
        **question_of(asked, problem),
        "tts_strategy": "self_consistency",
        "tts_budget": asked.budget,
        "tts_keep_confidences": True,
    }


def question_of(asked: Asked, problem: Problem) -> dict[str, Any]:
    """The problem as it is asked, whatever the strategy. A hint at multiple choice asks for a letter."""
    body = dict(asked.body)
    said = asked.prompt.replace("{question}", problem.question)
    if problem.answer_format == CHOICE and body.pop("tts_answer_hint", False):
        said += BY_LETTER
    messages = [*body.get("messages", []), {"role": "user", "content": said}]
    answer_format = asked.answer_format or problem.answer_format
    return {**body, "messages": messages, "tts_answer_format": answer_format}
