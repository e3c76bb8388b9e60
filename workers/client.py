"""All that the web may know of the shell: submit, wait, read, cancel."""

import logging
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from threading import Event, Lock, Thread
from typing import Any, NamedTuple
from uuid import uuid4

import redis
from kombu.exceptions import OperationalError

from tts_core.errors import ChorusError, DeadlinePassed, Overloaded
from tts_core.model import Request, Why
from workers.celery import CONTROL, SAMPLE, app
from workers.records import Ending, RunEvent, Submission, Text
from workers.rounds import GRACE_S
from workers.runs import Runs, connect
from workers.settings import Settings
from workers.upstream import list_models

RETRY_AFTER_S = 2.0
TICK_S = 1.0
LOOK_S = 10.0
LATE_S = 5.0
SILENT_S = 10.0
SPARE_SHARE = 32
INBOX_S = 10
MODELS_S = 60
MODELS_TIMEOUT_S = 5.0
log = logging.getLogger(__name__)


class Waiting(NamedTuple):
    """A request that waits for its run, until `give_up_s` (epoch) at most."""

    woken: Event
    give_up_s: float


class Client:
    """One per web process. Runs it submits are announced in its own inbox, which one thread reads."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.runs = Runs(connect(settings.store_url), settings.job_ttl_s)
        self.inbox = f"chorus:inbox:{uuid4().hex}"
        self.waiting: dict[str, Waiting] = {}
        self.lock = Lock()
        self.reader: Thread | None = None

    def submit(self, request: Request, *, request_id: str) -> str:
        """Hand a run to the workers; its id.

        Raises Overloaded when they cannot be reached, or when too many requests wait already: a few
        threads stay free for those that ask how the service is.
        """
        if len(self.waiting) >= self.settings.web_threads - max(
            1, self.settings.web_threads // SPARE_SHARE
        ):
            raise Overloaded("Too many requests are waiting here.", retry_after_s=RETRY_AFTER_S)
        run_id = uuid4().hex
        created_s = time.time()
        longest_s = self.settings.request_timeout_s
        submission = Submission(
            request=request,
            created_s=created_s,
            deadline_s=created_s + min(request.limits.deadline_s or longest_s, longest_s),
            request_id=request_id,
            inbox=self.inbox,
        )
        self.listen()
        self.waiting[run_id] = Waiting(Event(), submission.deadline_s + LATE_S)
        try:
            self.runs.open(run_id, submission)
            app.send_task("chorus.begin", (run_id,), ignore_result=True)
        except (redis.RedisError, OperationalError) as error:
            del self.waiting[run_id]
            raise away() from error
        return run_id

    def follow(self, run_id: str, tick_s: float = TICK_S) -> Iterator[Ending | None]:
        """None at every tick while the run goes on, then its ending.

        The inbox wakes it; now and then it looks for itself, should the word have been lost. Raises
        Overloaded when the store, or every worker, is away.
        """
        woken = self.waiting[run_id].woken
        next_look_s = time.monotonic() + LOOK_S
        while not woken.wait(tick_s):
            yield None
            if time.monotonic() >= next_look_s:
                next_look_s += LOOK_S
                if self.look(run_id):
                    break
        yield self.ending(run_id)

    def look(self, run_id: str) -> bool:
        """Whether the run has ended. Raises Overloaded when nobody is there to end it."""
        with answering():
            if self.runs.has_ended(run_id):
                return True
        if time.time() > self.waiting[run_id].give_up_s:
            raise DeadlinePassed("The run did not end at its deadline.")
        served = {worker["queue"] for worker in self.workers().values()}
        if missing := {CONTROL, SAMPLE} - served:
            self.cancel(run_id)
            queues = " and ".join(sorted(missing))
            raise Overloaded(f"No worker serves {queues}.", retry_after_s=RETRY_AFTER_S)
        return False

    def events(self, run_id: str, tick_s: float = TICK_S) -> Iterator[RunEvent | None]:
        """What happens in a run, as it happens; None when nothing did for a tick. Ends with the run.

        Raises Overloaded when the store, or every worker, is away.
        """
        last, next_look_s = "0", time.monotonic() + LOOK_S
        while True:
            with answering():
                found = self.runs.events(run_id, last, tick_s)
            for event in found:
                last = event.id
                if event.type == "end":
                    return
                yield event
            if not found:
                yield None
            if time.monotonic() >= next_look_s:
                next_look_s += LOOK_S
                if self.look(run_id):
                    return

    def ending(self, run_id: str) -> Ending | None:
        """How the run ended; None while it runs."""
        with answering():
            return self.runs.ending(run_id)

    def texts(self, run_id: str, indexes: Iterable[int]) -> dict[int, Text]:
        """What some of its traces said."""
        with answering():
            return self.runs.texts(run_id, indexes)

    def wake(self, run_id: str) -> None:
        """Have whoever waits for the run look up."""
        if waiting := self.waiting.get(run_id):
            waiting.woken.set()

    def leave(self, run_id: str, *, keep: bool) -> None:
        """Nobody waits for the run here any more; unless it is to be kept it is cancelled."""
        self.waiting.pop(run_id, None)
        if keep:
            return
        try:
            self.cancel(run_id)
        except Overloaded as error:
            log.warning("run %s could not be cancelled: %s", run_id, error.message)

    def cancel(self, run_id: str) -> None:
        """Stop a run; what is finished is kept. One that has ended stays as it is."""
        with answering():
            if not self.runs.has_ended(run_id) and self.runs.stop(run_id, Why.CANCELLED):
                self.runs.schedule(run_id, time.time() + GRACE_S)

    def workers(self) -> dict[str, Any]:
        """The worker processes that gave a sign of life lately, by name."""
        with answering():
            return self.runs.workers(time.time() - SILENT_S)

    def models(self) -> list[dict[str, Any]]:
        """What the upstream lists, at most MODELS_S old. Raises UpstreamError."""
        with answering():
            kept = self.runs.models()
        if kept is None:
            kept = list_models(self.settings.upstream, MODELS_TIMEOUT_S)
            with answering():
                self.runs.keep_models(kept, MODELS_S)
        return kept

    def ping_store(self) -> dict[str, Any]:
        """What the Redis server says of itself. Raises Overloaded when it is away."""
        with answering():
            return dict(self.runs.store.info())

    def listen(self) -> None:
        """Start the thread that reads the inbox; only once, and only after gunicorn has forked."""
        with self.lock:
            if self.reader is None:
                self.reader = Thread(target=self.read_always, name="inbox", daemon=True)
                self.reader.start()

    def read_always(self) -> None:
        """Wake waiting requests as their runs end, and start again when Redis went away."""
        while True:
            try:
                self.read()
            except redis.RedisError as error:
                log.warning("lost Redis while reading the inbox: %s", error)
                time.sleep(TICK_S)

    def read(self) -> None:
        """Wait for the next run that ended."""
        word = self.runs.store.blpop([self.inbox], timeout=INBOX_S)
        if word:
            self.wake(word[1].decode())


@contextmanager
def answering() -> Iterator[None]:
    """A store that does not answer is an Overloaded."""
    try:
        yield
    except redis.RedisError as error:
        raise away() from error


def away() -> ChorusError:
    """The store cannot be reached."""
    return Overloaded("The service's store is away; try again.", retry_after_s=RETRY_AFTER_S)
