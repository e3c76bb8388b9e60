"""The record of batches: what was asked for and, a bit a line, how far each line has come.

What a line says lies in its run and nowhere else. The run's id follows from the batch's, so that a
line that is begun twice is one run. Bits are only ever set: whoever looks twice does no harm.
"""

import time
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any, TypeVar

import msgspec

from tts_core.model import Usage
from workers import keys
from workers.admission import Admission
from workers.announcing import batch_announcement
from workers.batch import Batch, Bits, End, Entry, Line, Refused, State, Table, files_of, run_of, unpacked
from workers.deliveries import Deliveries
from workers.json_fields import decode, encode
from workers.queues import BATCH
from workers.records import Ending, Submission
from workers.runs import PARTS as RUN_PARTS
from workers.runs import Runs

PARTS = ("", "table", "lines", "refused", "begun", "completed", "failed")
AT_ONCE = 100
ENDINGS_AT_ONCE = 20
TABLES_CACHED = 4
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Outcome:
    """A line and what is kept of its run; or why it has none."""

    index: int
    submission: Submission | None
    ending: Ending | None
    refused: Refused | None = None

    @property
    def has_answer(self) -> bool:
        """Whether the line has an answer to give."""
        return self.ending is not None and self.ending.fault is None and self.ending.vote is not None


class Batches:
    """The batches of all owners."""

    def __init__(self, runs: Runs) -> None:
        self.runs = runs
        self.store = runs.store
        self.admission = Admission(self.store, BATCH, lambda: 0)
        self.deliveries = Deliveries(self.store, runs.ttl_s)
        self.table = lru_cache(maxsize=TABLES_CACHED)(self._table)

    def add(self, batch: Batch, entries: Sequence[Entry]) -> None:
        """Write a new batch down; until the last write it does not exist. A second time changes nothing."""
        life_s = self.runs.open_s
        self.write_lines(batch.id, entries)
        table = Table(tuple(e.custom_id for e in entries), tuple(e.traces for e in entries))
        with self.store.pipeline(transaction=True) as pipe:
            pipe.set(keys.batch(batch.id, "table"), zlib.compress(encode(table), 1))
            pipe.hsetnx(keys.batch(batch.id), "batch", encode(batch))
            for part in PARTS:
                pipe.expire(keys.batch(batch.id, part), life_s)
            pipe.set(keys.owner(batch.id), batch.owner, ex=2 * life_s)
            pipe.zadd(keys.batches(batch.owner), {batch.id: batch.created_s}, nx=True)
            pipe.zremrangebyscore(keys.batches(batch.owner), 0, batch.created_s - 2 * life_s)
            pipe.expire(keys.batches(batch.owner), 2 * life_s)
            if batch.problems:
                self.announce(batch, "failed", pipe, errors=len(batch.problems))
            else:
                pipe.zadd(keys.BATCHES, {batch.id: batch.created_s}, nx=True)
            pipe.execute()

    def write_lines(self, batch_id: str, entries: Sequence[Entry]) -> None:
        """Write down what is to be run, and what is refused for what reason."""
        for some in chunks(enumerate(entries), AT_ONCE):
            with self.store.pipeline(transaction=False) as pipe:
                for index, entry in some:
                    if entry.refused:
                        pipe.hset(keys.batch(batch_id, "refused"), str(index), encode(entry.refused))
                        pipe.setbit(keys.batch(batch_id, "begun"), index, 1)
                        pipe.setbit(keys.batch(batch_id, "failed"), index, 1)
                    else:
                        pipe.hset(keys.batch(batch_id, "lines"), str(index), entry.packed)
                for part in PARTS:
                    pipe.expire(keys.batch(batch_id, part), self.runs.open_s)
                pipe.execute()

    def owner(self, batch_id: str) -> str | None:
        """Whose batch it is, also when it is gone; None for one that was never there."""
        found = self.store.get(keys.owner(batch_id))
        return None if found is None else found.decode()

    def state(self, batch_id: str) -> State | None:
        """A batch as it stands; None when it is not (or no longer) known."""
        with self.store.pipeline(transaction=True) as pipe:
            pipe.hgetall(keys.batch(batch_id))
            pipe.bitcount(keys.batch(batch_id, "completed"))
            pipe.bitcount(keys.batch(batch_id, "failed"))
            raw, completed, failed = pipe.execute()
        fields = {name.decode(): value for name, value in raw.items()}
        return State.of(fields, completed, failed) if "batch" in fields else None

    def listed(self, owner: str, after: str = "") -> Iterator[State]:
        """An owner's batches, newest first, after one of them. Raises KeyError when that is none of
        them."""
        name = keys.batches(owner)
        rank = self.store.zrevrank(name, after) if after else -1
        if rank is None:
            raise KeyError(after)
        while found := self.store.zrevrange(name, rank + 1, rank + AT_ONCE):
            rank += len(found)
            states = (self.state(batch_id.decode()) for batch_id in found)
            yield from (state for state in states if state)

    def open(self) -> list[str]:
        """The batches that have not ended, oldest first."""
        return [batch_id.decode() for batch_id in self.store.zrange(keys.BATCHES, 0, -1)]

    def close(self, batch_id: str) -> None:
        """A batch has ended, or is gone."""
        self.store.zrem(keys.BATCHES, batch_id)

    def _table(self, batch_id: str) -> Table:
        raw = self.store.get(keys.batch(batch_id, "table"))
        if raw is None:
            raise KeyError(batch_id)
        return decode(zlib.decompress(raw), Table)

    def bits(self, batch: Batch) -> Bits:
        """How far each line has come."""
        names = [keys.batch(batch.id, part) for part in ("begun", "completed", "failed")]
        return Bits(*(unpacked(raw, batch.total) for raw in self.store.mget(names)))

    def line(self, batch_id: str, index: int) -> Line | None:
        """A line that waits; None for one that has begun."""
        raw = self.store.hget(keys.batch(batch_id, "lines"), str(index))
        return decode(zlib.decompress(raw), Line) if raw else None

    def begun(self, batch_id: str, index: int) -> None:
        """A line's run was handed to the workers: what was kept of it is not needed any more."""
        with self.store.pipeline(transaction=True) as pipe:
            pipe.setbit(keys.batch(batch_id, "begun"), index, 1)
            pipe.hdel(keys.batch(batch_id, "lines"), str(index))
            pipe.execute()

    def over(self, batch_id: str, some: Sequence[int]) -> set[int]:
        """Which of the lines that have begun have ended, or have lost their runs."""
        with self.store.pipeline(transaction=False) as pipe:
            for run_id in (run_of(batch_id, index) for index in some):
                pipe.exists(keys.run(run_id, "ending"))
                pipe.exists(keys.run(run_id))
            found = pipe.execute()
        states = zip(some, found[::2], found[1::2], strict=True)
        return {index for index, has_ended, is_there in states if has_ended or not is_there}

    def count(self, batch_id: str, outcome: Outcome, pipe: Any) -> None:
        """A line has ended."""
        kind = "completed" if outcome.has_answer else "failed"
        pipe.setbit(keys.batch(batch_id, kind), outcome.index, 1)

    def cancel(self, batch_id: str, now_s: float) -> None:
        """Have no more lines begun, and those that run stopped."""
        self.store.hsetnx(keys.batch(batch_id), "cancelling", now_s)

    def finalize(self, batch_id: str, now_s: float) -> None:
        """All lines have ended."""
        self.store.hsetnx(keys.batch(batch_id), "finalizing", now_s)

    def files(self, batch: Batch) -> Iterable[str]:
        """The ids of the files of a batch that is through."""
        completed = self.store.bitcount(keys.batch(batch.id, "completed"))
        return files_of(batch, completed).values()

    def end(self, batch: Batch, end: End, usage: Usage) -> None:
        """Write down how a batch ended; its record is kept for its whole time from now on."""
        name = keys.batch(batch.id)
        completed = self.store.bitcount(keys.batch(batch.id, "completed"))
        self.admission.release(batch.id)
        with self.store.pipeline(transaction=True) as pipe:
            pipe.hsetnx(name, "end", encode(end))
            pipe.hsetnx(name, "usage", encode(usage))
            pipe.hsetnx(name, "ended", time.time())
            pipe.delete(keys.batch(batch.id, "lines"))
            for part in PARTS:
                pipe.expire(keys.batch(batch.id, part), batch.keep_s)
            pipe.expire(keys.owner(batch.id), 2 * batch.keep_s)
            pipe.zrem(keys.BATCHES, batch.id)
            self.announce(batch, end.value, pipe, **summed_up(batch, completed, usage))
            pipe.execute()

    def announce(self, batch: Batch, status: str, pipe: Any, **more: Any) -> None:
        """Have whoever wants to know be told that a batch has ended."""
        if batch.webhook:
            event = batch_announcement(batch, status, time.time(), **more)
            self.deliveries.announce(batch.id, batch.webhook, event, pipe)

    def measured(self, batch_id: str, file: str, size_bytes: int) -> None:
        """One of its files has been read and is so long."""
        self.store.hset(keys.batch(batch_id), f"size:{file}", size_bytes)

    def delete_file(self, batch: Batch, file: str, lines: Iterable[int]) -> None:
        """Forget one of its files, and the runs of the lines in it."""
        self.store.hset(keys.batch(batch.id), f"deleted:{file}", 1)
        for some in chunks(lines, AT_ONCE):
            self.store.delete(*(keys.run(run_of(batch.id, i), part) for i in some for part in RUN_PARTS))

    def outcomes(self, batch_id: str, some: Iterable[int]) -> Iterator[Outcome]:
        """Lines with what is kept of their runs, a few at a time."""
        for chunk in chunks(some, ENDINGS_AT_ONCE):
            with self.store.pipeline(transaction=False) as pipe:
                for index in chunk:
                    pipe.hget(keys.run(run_of(batch_id, index)), "submission")
                    pipe.get(keys.run(run_of(batch_id, index), "ending"))
                    pipe.hget(keys.batch(batch_id, "refused"), str(index))
                found = pipe.execute()
            for index, *raw in zip(chunk, found[::3], found[1::3], found[2::3], strict=True):
                kinds = (Submission, Ending, Refused)
                kept = (known(part, kind) for part, kind in zip(raw, kinds, strict=True))
                yield Outcome(index, *kept)


def summed_up(batch: Batch, completed: int, usage: Usage) -> dict[str, Any]:
    """What is told of a batch that is through."""
    files = files_of(batch, completed)
    counts = {"total": batch.total, "completed": completed, "failed": batch.total - completed}
    return {
        "output_file_id": files.get("output"),
        "error_file_id": files.get("errors"),
        "request_counts": counts,
        "usage": msgspec.to_builtins(usage),
    }


def known(raw: bytes | None, kind: type[Any]) -> Any:
    """A record that may be gone."""
    return decode(raw, kind) if raw else None


def chunks(found: Iterable[T], size: int) -> Iterator[list[T]]:
    """Things a few at a time."""
    rest = iter(found)
    while some := list(islice(rest, size)):
        yield some
