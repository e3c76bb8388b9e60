"""All that the web may know of the shell: submit, wait, read, cancel."""

import logging
import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from threading import Event
from typing import Any
from uuid import uuid4

from tts_core.errors import Conflict, DeadlinePassed, JobGone, KeyReused, Overloaded, UnknownJob
from tts_core.model import Request, Why
from workers.access import AccessKeys
from workers.admission import Admission
from workers.admitting import Places, let_in
from workers.answering import RETRY_AFTER_S, Patience, answering
from workers.asking import Asker, Handed
from workers.breaker import states
from workers.celery import app
from workers.extending import take_over
from workers.inbox import Inbox
from workers.jobs import ORPHAN_S, Job, Jobs, Use
from workers.listing import Listing
from workers.logs import job_id
from workers.queues import CONTROL, SAMPLE
from workers.records import Ending, RunEvent, Source, Submission, Text
from workers.roster import Roster
from workers.runs import Runs
from workers.settings import Settings
from workers.store import connect
from workers.telemetry import carry

TICK_S = 1.0
LOOK_S = 10.0
LATE_S = 5.0
RETRIED_WITHIN_S = 60
SILENT_S = 10.0
SILENT_STORE_S = 3.0
SPARE_SHARE = 32
log = logging.getLogger(__name__)


class Client:
    """One per web process."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        store = connect(settings.store_url, silent_s=SILENT_STORE_S)
        self.runs = Runs(store, settings.job_ttl_s, settings.longest_s)
        self.store: Any = self.runs.store
        self.jobs = Jobs(self.runs)
        self.roster = Roster(self.store)
        self.access = AccessKeys(self.store)
        self.admission = Admission(self.store, SAMPLE, Places(self.roster, settings))
        self.listing = Listing(self.store, settings.upstreams)
        self.inbox = Inbox(connect(settings.store_url, most=1))

    def submit(
        self, request: Request, asker: Asker, *, source: Source, shown: Mapping[str, Any], **more: Any
    ) -> Handed:
        """Hand a run to the workers, for nobody to wait for. The same request is handed in once.

        `shown` is how the answer is to be rendered; `more` are further fields of the submission.
        Raises Overloaded when the store cannot take it, KeyReused for the key of another request, JobGone
        for that of a job that was deleted, and what Admission.admit raises.
        """
        submission = self.submission(request, asker, source=source, shown=shown, **more)
        with answering():
            run_id, _ = self.named(asker)
            if self.jobs.is_gone(run_id):
                raise JobGone(f"The job {run_id!r} of this Idempotency-Key is gone.")
            if not self.runs.is_acknowledged(run_id):
                self.jobs.ask(asker.owner, asker.body, run_id, RETRIED_WITHIN_S)
                self.begin(run_id, submission, asker)
        return Handed(run_id, Event(), asker)

    def ask(self, request: Request, asker: Asker, *, source: Source, shown: Mapping[str, Any]) -> Handed:
        """Hand a run to the workers and wait for it; one that runs already is joined.

        Raises Overloaded also when too many requests wait here: a few threads stay free for those that
        ask how the service is. Raises what Admission.admit raises.
        """
        spare = max(1, self.settings.web_threads // SPARE_SHARE)
        if self.inbox.count >= self.settings.web_threads - spare:
            raise Overloaded("Too many requests are waiting here.", retry_after_s=RETRY_AFTER_S)
        submission = self.submission(request, asker, source=source, waited_for=True, shown=shown)
        self.inbox.listen()
        with answering():
            run_id, is_new = self.named(asker)
            give_up_s = submission.deadline_s + LATE_S
            handed = Handed(run_id, self.inbox.enter(run_id), asker, give_up_s)
            try:
                before_s = None if is_new else self.jobs.join(run_id, self.inbox.name)
                if before_s is None:
                    self.jobs.ask(asker.owner, asker.body, run_id, math.ceil(give_up_s - time.time()))
                    self.begin(run_id, submission, asker, self.inbox.name)
                elif self.runs.has_ended(run_id):
                    handed.woken.set()
                elif not self.runs.is_acknowledged(run_id):
                    self.begin(run_id, submission, asker)
            except Exception:
                self.inbox.leave(run_id, handed.woken)
                raise
        return handed._replace(created_s=before_s or submission.created_s)

    def submission(
        self, request: Request, asker: Asker, *, source: Source, waited_for: bool = False, **more: Any
    ) -> Submission:
        """A run as it is handed in; one that is `waited_for` lives as long as a request may."""
        now_s = time.time()
        longest_s = self.settings.request_timeout_s if waited_for else self.settings.job_timeout_s
        return Submission(
            request=request,
            created_s=now_s,
            deadline_s=now_s + min(request.limits.deadline_s or longest_s, longest_s),
            request_id=asker.request_id,
            owner=asker.owner,
            source=source,
            **more,
        )

    def begin(self, run_id: str, submission: Submission, asker: Asker, inbox: str = "") -> None:
        """Let a run in, write it down and hand it to the workers; again, should somebody have died on the
        way. Raises what Admission.admit raises."""
        submission = let_in(self.admission, run_id, submission, asker.allowance)
        job_id.set(run_id)
        self.runs.open(run_id, submission, inbox)
        carry(self.store, run_id)
        if submission.extends:
            take_over(self.runs, submission.extends, run_id)
        if submission.source is not Source.BATCH:
            self.jobs.add(run_id, submission)
        app.send_task("chorus.begin", (run_id,), ignore_result=True)
        self.runs.acknowledge(run_id)

    def named(self, asker: Asker) -> tuple[str, bool]:
        """The run of this request, and whether it is a new one. Raises KeyReused."""
        fresh = uuid4().hex
        if asker.key:
            use = self.jobs.once(asker.owner, asker.key, Use(fresh, asker.body))
            if use.body != asker.body:
                raise KeyReused("This Idempotency-Key was used for another request.")
            return use.run_id, use.run_id == fresh
        before = self.jobs.asked(asker.owner, asker.body) if asker.again else ""
        return before or fresh, not before

    def follow(self, handed: Handed, tick_s: float = TICK_S) -> Iterator[Ending | None]:
        """None at every tick while the run goes on, then its ending.

        The inbox wakes it, also when another one leaves who waits for the same run; now and then it
        looks for itself, should the word have been lost. Raises Overloaded when the store, or every
        worker, is away for AWAY_S, JobGone for a run that was deleted.
        """
        patience = Patience()
        next_look_s = time.monotonic() + LOOK_S
        while True:
            woken = handed.woken.wait(tick_s)
            handed.woken.clear()
            if woken or time.monotonic() >= next_look_s:
                if ending := patience.ask(partial(self.look, handed)):
                    yield ending
                    return
                next_look_s = time.monotonic() + (TICK_S if patience.since_s else LOOK_S)
            yield None

    def look(self, handed: Handed) -> Ending | None:
        """How the run ended; None while it goes on. Raises Overloaded when nobody is there to end it."""
        if ending := self.ending(handed.run_id):
            return ending
        if time.time() > handed.give_up_s:
            raise DeadlinePassed("The run did not end at its deadline.")
        served = {worker["queue"] for worker in self.workers().values()}
        if missing := {CONTROL, SAMPLE} - served:
            queues = " and ".join(sorted(missing))
            raise Overloaded(f"No worker serves {queues}.", retry_after_s=RETRY_AFTER_S)
        if not self.is_known(handed.run_id):
            raise JobGone(f"The job {handed.run_id!r} was deleted.")
        return None

    def events(self, run_id: str, after: str = "0", tick_s: float = TICK_S) -> Iterator[RunEvent | None]:
        """What happens in a run after an event ("0": all), as it happens; None when nothing did for a
        tick. The last one is `end`. Raises Overloaded when the store is away for AWAY_S."""
        patience = Patience()
        while True:
            found = patience.ask(partial(self.read_events, run_id, after, tick_s))
            for event in found or ():
                after = event.id
                yield event
                if event.type == "end":
                    return
            if not found:
                yield None

    def read_events(self, run_id: str, after: str, block_s: float) -> list[RunEvent]:
        """The next events; waits for the first."""
        with answering():
            return self.runs.events(run_id, after, block_s)

    def ending(self, run_id: str) -> Ending | None:
        """How the run ended; None while it runs."""
        with answering():
            return self.runs.ending(run_id)

    def texts(self, run_id: str, indexes: Iterable[int]) -> dict[int, Text]:
        """What some of its traces said."""
        with answering():
            return self.runs.texts(run_id, indexes)

    @answering()
    def confidences(self, run_id: str, indexes: Sequence[int]) -> dict[int, tuple[float, ...]]:
        """The token confidences (nats) of those traces that kept them."""
        return self.runs.confidences(run_id, indexes)

    def leave(self, handed: Handed, *, keep: bool, gone: bool, at_once: bool = False) -> None:
        """A request waits no more. `gone`: its client has left without the answer. A run that nobody
        waits for is then cancelled, `at_once` or after the time in which an SDK asks again."""
        run_id, asker = handed.run_id, handed.asker
        self.inbox.leave(run_id, handed.woken)
        try:
            with answering():
                if not gone:
                    self.jobs.taken(asker.owner, asker.body, run_id)
                elif not keep and not self.runs.has_ended(run_id) and self.jobs.is_known(run_id):
                    self.jobs.part(run_id, 0.0 if at_once else ORPHAN_S)
        except Overloaded as error:
            log.warning("run %s could not be left: %s", run_id, error.message)

    @answering()
    def is_known(self, run_id: str) -> bool:
        """Whether there is such a run, and it was not deleted."""
        return self.jobs.is_known(run_id)

    @answering()
    def cancel(self, run_id: str) -> None:
        """Stop a run; what is finished is kept. One that has ended stays as it is."""
        if not self.runs.has_ended(run_id):
            self.runs.stop(run_id, Why.CANCELLED)

    @answering()
    def job(self, run_id: str, owner: str) -> Job:
        """A run of this owner's. Raises UnknownJob, or JobGone when it was deleted or has expired."""
        is_run = run_id.isalnum()  # files and batches have owners, too: their names have a dash or so
        if not is_run or self.jobs.owner(run_id) != owner:
            raise UnknownJob(f"There is no job {run_id[:64]!r}.")
        found = self.jobs.job(run_id)
        if found is None:
            raise JobGone(f"The job {run_id!r} was deleted, or its time is over.")
        return found

    @answering()
    def page(self, owner: str, after: str, limit: int) -> tuple[list[Job], bool]:
        """An owner's jobs after one of them, newest first, and whether there are more."""
        try:
            found = list(islice(self.jobs.listed(owner, after), limit + 1))
        except KeyError as error:
            raise UnknownJob(f"There is no job {after[:64]!r}.", param="after") from error
        return found[:limit], len(found) > limit

    @answering()
    def delete(self, job: Job) -> None:
        """Forget a run that has ended. Raises Conflict for one that goes on."""
        if job.ending is None:
            raise Conflict("The job goes on; cancel it first.", code="job_not_ended")
        self.jobs.delete(job)

    @answering()
    def forget(self, run_id: str, owner: str) -> None:
        """One who waited for a run has its answer; the last of them has it deleted."""
        if self.jobs.is_last(run_id):
            self.delete(self.job(run_id, owner))

    @answering()
    def workers(self) -> dict[str, Any]:
        """The worker processes that gave a sign of life lately, by name."""
        return self.roster.alive(time.time() - SILENT_S)

    @answering()
    def breakers(self) -> dict[str, str]:
        """Which upstreams are left alone, of those that have a breaker: closed, open or half_open."""
        return states(self.store, self.settings.upstreams.by_name.values())

    @answering()
    def ping_store(self) -> dict[str, Any]:
        """What the Redis server says of itself. Raises Overloaded when it is away."""
        return dict(self.store.info())

    def wake(self, run_id: str) -> None:
        """Have whoever waits for the run look up."""
        self.inbox.wake(run_id)
