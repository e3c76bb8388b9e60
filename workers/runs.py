"""The record of runs in Redis.

Of each run: a hash of small JSON (submission, plans, closings, trace summaries), a hash of compressed
texts, its ending, and an append-only stream of events. Everything expires.
"""

import math
import time
import zlib
from array import array
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import redis

from tts_core.model import Trace, Why
from workers import keys, scripts
from workers.announcing import announcement, notices
from workers.charging import ADMITTED, bill_of, late_bill
from workers.json_fields import by_number, decode, encode, numbered
from workers.metrics_endings import sums
from workers.records import (
    Carried,
    Closing,
    Ending,
    Run,
    RunEvent,
    StoredPlan,
    Submission,
    Text,
    Ticket,
    Word,
    same_in,
)

TEXTS_AT_ONCE = 64
PLANS_CACHED = 8  # a plan holds its messages, images included
TICKETS_CACHED = 1024
FIRST_LOOK_S = 5.0
GRACE_S = 0.15
PARTS = ("", "texts", "confidences", "events", "ending", "inboxes")


class RunGone(KeyError):
    """The run was deleted, or its time is over."""


class Runs:
    """Reads and writes runs. Every write is idempotent: the first one stands."""

    def __init__(self, store: redis.Redis, ttl_s: int, longest_s: float = 0.0) -> None:
        """Runs are kept `ttl_s` after their ending; open ones, which may last `longest_s`, as much more."""
        self.store: Any = store  # redis-py's hints cannot tell that replies are bytes
        self.ttl_s = ttl_s
        self.open_s = ttl_s + math.ceil(longest_s)
        self.plan = lru_cache(maxsize=PLANS_CACHED)(self._plan)
        self.ticket = lru_cache(maxsize=TICKETS_CACHED)(self._ticket)
        self._keep = self.store.register_script(scripts.KEEP)
        self._end = self.store.register_script(scripts.END)
        self._say = self.store.register_script(scripts.SAY)

    def open(self, run_id: str, submission: Submission, inbox: str = "") -> None:
        """Write down a new run, its deadline and who waits for it; a second time changes nothing."""
        most = submission.request.limits.max_total_tokens
        ticket = Ticket(submission.deadline_s, submission.request_id, most, submission.source)
        fields = {"submission": encode(submission), "ticket": encode(ticket), **notices(submission)}
        with self.store.pipeline(transaction=True) as pipe:
            pipe.set(keys.owner(run_id), submission.owner, ex=2 * self.open_s)
            for name, value in fields.items():
                pipe.hsetnx(keys.run(run_id), name, value)
            if inbox:
                pipe.sadd(keys.run(run_id, "inboxes"), inbox)
                pipe.expire(keys.run(run_id, "inboxes"), self.open_s)
                pipe.hincrby(keys.run(run_id), "waiting", 1)
            pipe.expire(keys.run(run_id), self.open_s)
            first_look_s = min(submission.deadline_s, submission.created_s + FIRST_LOOK_S)
            pipe.zadd(keys.DEADLINES, {run_id: first_look_s}, nx=True)
            pipe.execute()

    def acknowledge(self, run_id: str) -> None:
        """Note that the run was handed to the workers: from now on it is not to be lost."""
        self.store.hset(keys.run(run_id), "acknowledged", 1)

    def is_acknowledged(self, run_id: str) -> bool:
        """Whether the run was handed to the workers."""
        return bool(self.store.hexists(keys.run(run_id), "acknowledged"))

    def _ticket(self, run_id: str) -> Ticket:
        return decode(self.field(run_id, "ticket"), Ticket)

    def _plan(self, run_id: str, number: int) -> StoredPlan:
        return decode(self.field(run_id, f"plan:{number}"), StoredPlan)

    def plan_in_force(self, run_id: str, number: int) -> StoredPlan:
        """The plan of a round; the one that came later for a round that was started ahead."""
        plan = self.plan(run_id, number)
        guard = self.store.hget(keys.run(run_id), f"guard:{number}") if plan.ahead else None
        return decode(guard, StoredPlan) if guard else plan

    def field(self, run_id: str, name: str) -> bytes:
        """One field of the run's hash. Raises RunGone when the run has expired."""
        value = self.store.hget(keys.run(run_id), name)
        if value is None:
            raise RunGone(f"{name} of run {run_id}")
        return value

    def keep(self, run_id: str, trace: Trace, text: Text, confidences: Sequence[float] = ()) -> bool:
        """Write down a finished trace and tell of it; whether it was the first of its index and its run
        is still known."""
        names = [keys.run(run_id, part) for part in ("", "texts", "confidences", "events")]
        numbers = array("d", confidences).tobytes()
        words = (trace.index, encode(trace), zlib.compress(encode(text), 1), numbers)
        return bool(self._keep(names, (*words, *late_bill(run_id, trace))))

    def load(self, run_id: str) -> Run:
        """The run as it stands. Raises RunGone when it is not (or no longer) known."""
        fields = {key.decode(): value for key, value in self.store.hgetall(keys.run(run_id)).items()}
        if "submission" not in fields:
            raise RunGone(run_id)
        return Run(
            submission=decode(fields["submission"], Submission),
            plans=numbered(fields, "plan", StoredPlan),
            closings=numbered(fields, "closing", Closing),
            traces={index: decode(value, Trace) for index, value in by_number(fields, "trace").items()},
            stop=Why(fields["stop"].decode()) if "stop" in fields else None,
            stops={number: Why(value.decode()) for number, value in by_number(fields, "stop").items()},
            sent_s={number: float(value) for number, value in by_number(fields, "sent").items()},
            published=frozenset(by_number(fields, "published")),
            rules=fields.get("rules", b"").decode(),
            acknowledged="acknowledged" in fields,
            waiting=int(fields.get("waiting", 0)),
            orphaned_s=float(fields["orphaned"]) if "orphaned" in fields else None,
            carried={i: decode(value, Carried) for i, value in by_number(fields, "carried").items()},
        )

    def confidences(self, run_id: str, indexes: Sequence[int]) -> dict[int, tuple[float, ...]]:
        """The token confidences (nats) of those traces that kept them."""
        rows = self.store.hmget(keys.run(run_id, "confidences"), list(map(str, indexes))) if indexes else []
        return {i: tuple(array("d", row)) for i, row in zip(indexes, rows, strict=True) if row}

    def ended(self, run_id: str, plan: StoredPlan) -> list[Trace]:
        """The traces of a round that have ended so far, in sampling order."""
        rows = self.store.hmget(keys.run(run_id), [f"trace:{index}" for index in plan.indexes])
        return [decode(row, Trace) for row in rows if row]

    def same(self, run_id: str, before: int) -> dict[str, str]:
        """Which answers were found to mean the same when the rounds before a round were closed."""
        names = [f"closing:{number}" for number in range(before)]
        rows = self.store.hmget(keys.run(run_id), names) if names else []
        return same_in(decode(row, Closing) for row in rows if row)

    def record_plan(self, run_id: str, number: int, plan: StoredPlan, now_s: float) -> bool:
        """Write down the plan of a round; whether this was the first to do so."""
        first = bool(self.store.hsetnx(keys.run(run_id), f"plan:{number}", encode(plan)))
        if first:
            self.sending(run_id, number, now_s)
            judges = len(plan.judges)
            told = {"number": number, "traces": len(plan.which) - judges, "judge_calls": judges}
            self.tell(run_id, "round", encode(told))
            self.tell_threshold(run_id, number, plan)
        return first

    def sending(self, run_id: str, number: int, now_s: float) -> None:
        """Note that somebody begins to send a round to the workers."""
        self.store.hset(keys.run(run_id), f"sent:{number}", now_s)

    def record_published(self, run_id: str, number: int) -> None:
        """Note that a round was sent to the workers."""
        self.store.hset(keys.run(run_id), f"published:{number}", 1)

    def rules(self, run_id: str, fingerprint: str) -> str:
        """The rules that the run began under: those with this fingerprint unless it has begun already."""
        self.store.hsetnx(keys.run(run_id), "rules", fingerprint)
        return self.field(run_id, "rules").decode()

    def record_guard(self, run_id: str, number: int, plan: StoredPlan) -> bool:
        """Have the traces of a round that runs already judged by its plan, which came later."""
        if not self.say(run_id, f"guard:{number}", encode(plan), Word(run_id, number, guard=plan)):
            return False
        self.tell_threshold(run_id, number, plan)
        return True

    def say(self, run_id: str, field: str, value: bytes | str, word: Word) -> bool:
        """Write down what a run's traces are to know, and tell those that run; whether it is the first
        time and the run is still known."""
        return bool(self._say([keys.run(run_id), keys.STOPS], (field, value, encode(word))))

    def tell_threshold(self, run_id: str, number: int, plan: StoredPlan) -> None:
        """Tell below what a round's traces are stopped, if they are."""
        if (stop_below := plan.samplings[0].stop_below) is not None:
            self.tell(run_id, "threshold", encode({"number": number, "stop_below": stop_below}))

    def events(self, run_id: str, after: str, block_s: float) -> list[RunEvent]:
        """What happened in a run after an id ("0": all); waits for the first up to `block_s`.
        One that is gone has come to its end."""
        log = keys.run(run_id, "events")
        found = self.store.xread({log: after}, block=round(block_s * 1000), count=256)
        if not found and not self.store.exists(keys.run(run_id)):
            return [RunEvent(after, "end", b"{}")]
        return [
            RunEvent(name.decode(), fields[b"type"].decode(), fields[b"data"])
            for _, entries in found
            for name, fields in entries
        ]

    def tell(self, run_id: str, kind: str, data: bytes) -> None:
        """Append to the run's events."""
        with self.store.pipeline(transaction=False) as pipe:
            pipe.xadd(keys.run(run_id, "events"), {"type": kind, "data": data})
            pipe.expire(keys.run(run_id, "events"), self.open_s)
            pipe.execute()

    def record_closing(self, run_id: str, number: int, closing: Closing) -> bool:
        """Decide how a round closed; whether this was the first to do so."""
        return bool(self.store.hsetnx(keys.run(run_id), f"closing:{number}", encode(closing)))

    def stop(self, run_id: str, why: Why, number: int | None = None) -> bool:
        """Ask the traces of the run, or of one round, to stop; whether it was not asked before. What does
        not end within the grace is closed then."""
        field = "stop" if number is None else f"stop:{number}"
        if not self.say(run_id, field, why.value, Word(run_id, number, why=why)):
            return False
        self.schedule(run_id, time.time() + GRACE_S)
        return True

    def said(self, run_id: str) -> list[Word]:
        """All that was said to a run so far."""
        fields = {key.decode(): value for key, value in self.store.hgetall(keys.run(run_id)).items()}
        whole = [Word(run_id, None, why=Why(fields["stop"].decode()))] if "stop" in fields else []
        rounds = [Word(run_id, n, why=Why(v.decode())) for n, v in by_number(fields, "stop").items()]
        guards = by_number(fields, "guard").items()
        return whole + rounds + [Word(run_id, n, guard=decode(v, StoredPlan)) for n, v in guards]

    def spend(self, run_id: str, tokens: int) -> int:
        """Count received tokens; how many the whole run has received."""
        with self.store.pipeline(transaction=False) as pipe:
            pipe.hincrby(keys.run(run_id), "tokens", tokens)
            pipe.hexists(keys.run(run_id), "ticket")
            total, is_known = pipe.execute()
        if not is_known:
            self.clear(run_id)
        return int(total)

    def clear(self, run_id: str) -> None:
        """Remove what was written to a run that is gone, for which it would stay for ever."""
        self.store.delete(keys.run(run_id))

    def schedule(self, run_id: str, at_s: float) -> None:
        """Have the run looked at by `at_s` (epoch) at the latest."""
        self.store.zadd(keys.DEADLINES, {run_id: at_s}, lt=True)

    def postpone(self, run_id: str, at_s: float) -> None:
        """Have the run looked at again at `at_s` (epoch)."""
        self.store.zadd(keys.DEADLINES, {run_id: at_s}, xx=True)

    def due(self, now_s: float) -> list[str]:
        """The runs whose time has come."""
        return [name.decode() for name in self.store.zrangebyscore(keys.DEADLINES, 0, now_s)]

    def forget_deadline(self, run_id: str) -> None:
        """The run needs no further look."""
        self.store.zrem(keys.DEADLINES, run_id)

    def end(self, run_id: str, ending: Ending) -> bool:
        """Write down, charge, count and tell of the ending, wake who waits; whether it was the first."""
        told = [keys.run(run_id, part) for part in ("ending", "events", "inboxes")]
        kept = [keys.run(run_id, part) for part in ("", "texts", "confidences")]
        webhook = (keys.webhook(run_id), keys.WEBHOOKS)
        event = announcement(self.store.hget(keys.run(run_id), "webhook"), run_id, ending, time.time())
        names = [*told, keys.DEADLINES, keys.owner(run_id), *ADMITTED, *webhook, *kept]
        words = (encode(ending), self.ttl_s, run_id, *bill_of(ending), *event, *sums(ending))
        return bool(self._end(names, words))

    def renew(self, run_id: str, pipe: Any) -> None:
        """Keep an ended run for its whole time from now on."""
        for part in PARTS:
            pipe.expire(keys.run(run_id, part), self.ttl_s)
        pipe.expire(keys.owner(run_id), 2 * self.ttl_s)

    def has_ended(self, run_id: str) -> bool:
        """Whether the run has an ending."""
        return bool(self.store.exists(keys.run(run_id, "ending")))

    def ending(self, run_id: str) -> Ending | None:
        """How the run ended; None while it runs."""
        raw = self.store.get(keys.run(run_id, "ending"))
        return decode(raw, Ending) if raw else None

    def texts(self, run_id: str, indexes: Iterable[int]) -> dict[int, Text]:
        """The texts of some traces, a few at a time so that no reply grows huge."""
        wanted = list(indexes)
        found: dict[int, Text] = {}
        for start in range(0, len(wanted), TEXTS_AT_ONCE):
            some = wanted[start : start + TEXTS_AT_ONCE]
            rows = self.store.hmget(keys.run(run_id, "texts"), [str(index) for index in some])
            found |= {
                i: decode(zlib.decompress(row), Text) for i, row in zip(some, rows, strict=True) if row
            }
        return found
