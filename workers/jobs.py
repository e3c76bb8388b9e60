"""Whose run is whose, which request was asked before, and who still waits for an answer."""

import time
from collections.abc import Iterator
from typing import NamedTuple

from tts_core.model import Why
from workers import keys
from workers.claims import holdings
from workers.deliveries import Deliveries, Delivery
from workers.json_fields import decode, encode
from workers.records import Ending, Holding, Run, Submission
from workers.runs import PARTS, RunGone, Runs

CANDIDATES_AT_ONCE = 50
ORPHAN_S = 1.2  # an SDK that lost its connection asks again after half a second


class Use(NamedTuple):
    """What an Idempotency-Key was first used for: a run, and the digest of the request."""

    run_id: str
    body: str


class Job(NamedTuple):
    """A run as its owner sees it: the record, its ending once it has one, who has its traces now, and
    how far the telling of its end is, for one that is to be told of."""

    id: str
    run: Run
    ending: Ending | None
    held: dict[str, Holding]
    delivery: Delivery | None = None

    @property
    def submission(self) -> Submission:
        """What was handed in."""
        return self.run.submission


class Jobs:
    """The runs of all owners."""

    def __init__(self, runs: Runs) -> None:
        self.runs = runs
        self.store = runs.store
        self.deliveries = Deliveries(runs.store, runs.ttl_s)

    def add(self, run_id: str, submission: Submission) -> None:
        """List a run among its owner's."""
        name = keys.jobs(submission.owner)
        with self.store.pipeline(transaction=False) as pipe:
            pipe.zadd(name, {run_id: submission.created_s}, nx=True)
            pipe.zremrangebyscore(name, 0, time.time() - 2 * self.runs.open_s)
            pipe.expire(name, 2 * self.runs.open_s)
            pipe.execute()

    def owner(self, run_id: str) -> str | None:
        """Whose run it is; None for one that nobody has heard of for long."""
        found = self.store.get(keys.owner(run_id))
        return None if found is None else found.decode()

    def is_gone(self, run_id: str) -> bool:
        """Whether there was such a run and is no more."""
        return self.owner(run_id) is not None and not self.is_known(run_id)

    def is_known(self, run_id: str) -> bool:
        """Whether the record of the run is there."""
        return bool(self.store.hexists(keys.run(run_id), "submission"))

    def job(self, run_id: str) -> Job | None:
        """A run as it stands; None when it was deleted or has expired."""
        try:
            run = self.runs.load(run_id)
        except RunGone:
            return None
        ending = self.runs.ending(run_id)
        delivery = self.deliveries.seen(run_id, run.submission.webhook)
        return Job(run_id, run, ending, {} if ending else holdings(self.runs, run_id), delivery)

    def listed(self, of: str, after: str = "") -> Iterator[Job]:
        """An owner's jobs, newest first, after one of them. Raises KeyError when that is none of them."""
        rank = self.store.zrevrank(keys.jobs(of), after) if after else -1
        if rank is None:
            raise KeyError(after)
        while names := self.store.zrevrange(keys.jobs(of), rank + 1, rank + CANDIDATES_AT_ONCE):
            found = [(name, self.job(name.decode())) for name in names]
            if gone := [name for name, job in found if job is None]:
                self.store.zrem(keys.jobs(of), *gone)
            rank += len(names) - len(gone)
            yield from (job for _, job in found if job)

    def is_abandoned(self, run_id: str) -> bool:
        """Whether the run was cancelled because nobody waited for it: it is no answer to who comes back."""
        stop, orphaned = self.store.hmget(keys.run(run_id), "stop", "orphaned")
        return stop == Why.CANCELLED.value.encode() and orphaned is not None

    def once(self, of: str, key: str, use: Use) -> Use:
        """What an owner's Idempotency-Key was used for; `use` when this is the first time, or when that
        run was abandoned."""
        name = keys.once(of, key)
        if self.store.set(name, encode(use), nx=True, ex=self.runs.open_s):
            return use
        found = self.store.get(name)
        before = decode(found, Use) if found else use
        if before.body == use.body and self.is_abandoned(before.run_id):
            self.store.set(name, encode(use), ex=self.runs.open_s)
            return use
        return before

    def ask(self, of: str, body: str, run_id: str, life_s: int) -> None:
        """Note which run answers a synchronous request, should it come again."""
        self.store.set(keys.asked(of, body), run_id, ex=life_s)

    def asked(self, of: str, body: str) -> str:
        """The run that answers a synchronous request that came before, if its answer was not taken."""
        found = self.store.get(keys.asked(of, body))
        return found.decode() if found and not self.is_abandoned(found.decode()) else ""

    def taken(self, of: str, body: str, run_id: str) -> None:
        """The answer was taken: the next request with this body is a new one."""
        if self.asked(of, body) == run_id:
            self.store.delete(keys.asked(of, body))

    def join(self, run_id: str, inbox: str) -> float | None:
        """Wait for a run that was handed in before; when that was (epoch), None when it is not known."""
        name = keys.run(run_id)
        found = self.store.hget(name, "submission")
        if found is None:
            return None
        with self.store.pipeline(transaction=True) as pipe:
            pipe.sadd(keys.run(run_id, "inboxes"), inbox)
            pipe.expire(keys.run(run_id, "inboxes"), self.runs.open_s)
            pipe.hincrby(name, "waiting", 1)
            pipe.hdel(name, "orphaned")
            pipe.execute()
        return decode(found, Submission).created_s

    def part(self, run_id: str, patience_s: float) -> None:
        """One fewer waits; a run that nobody waits for any more is cancelled after `patience_s`."""
        if self.store.hincrby(keys.run(run_id), "waiting", -1) > 0:
            return
        orphaned_s = time.time() + patience_s
        self.store.hset(keys.run(run_id), "orphaned", orphaned_s)
        self.runs.schedule(run_id, orphaned_s)

    def is_last(self, run_id: str) -> bool:
        """One fewer waits; whether nobody waits for the run any more. One that is gone has no last."""
        return self.is_known(run_id) and self.store.hincrby(keys.run(run_id), "waiting", -1) <= 0

    def delete(self, job: Job) -> None:
        """Forget a run; that it has been stays known."""
        with self.store.pipeline(transaction=True) as pipe:
            pipe.delete(*(keys.run(job.id, part) for part in (*PARTS, "held")))
            pipe.delete(keys.webhook(job.id))
            pipe.zrem(keys.jobs(job.submission.owner), job.id)
            pipe.execute()
