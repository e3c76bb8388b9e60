"""The lines of batches, handed to the workers a few at a time: as many as the batch workers can take.

One looks in the control worker several times a second. Two that look at once, or one that is killed on
its way, begin no line twice.
"""

import logging
import time
from collections.abc import Callable, Sequence
from math import inf

import redis
from kombu.exceptions import OperationalError

from tts_core.model import Usage, Why
from workers.access import AccessKeys
from workers.admitting import bounded
from workers.batch import End, State, indexes, run_of
from workers.batches import AT_ONCE, Batches, Outcome, chunks
from workers.files import Files
from workers.queues import BATCH
from workers.records import NOTHING, Source, Submission
from workers.roster import Roster
from workers.runs import Runs

AHEAD = 2
SILENT_S = 10.0
UNWELL_S = 60.0
log = logging.getLogger(__name__)

Begin = Callable[[str], object]


class Dispatcher:
    """Moves batches forward. `begin` has a run begun that is written down."""

    def __init__(self, runs: Runs, begin: Begin) -> None:
        self.runs = runs
        self.begin = begin
        self.batches = Batches(runs)
        self.files = Files(runs)
        self.roster = Roster(runs.store)
        self.access = AccessKeys(runs.store)
        # What is to last until its batch ends, however early it ended itself.
        self.lasting = Runs(runs.store, runs.open_s)
        self.unwell: dict[str, float] = {}

    def look(self) -> None:
        """Look at every batch that has not ended; each may have its share of the window.

        A bug met in one is no reason to leave the others; it is tried again later.
        """
        now_s = time.time()
        going = [batch_id for batch_id in self.batches.open() if self.unwell.get(batch_id, 0) < now_s]
        share = self.window() // len(going) if going else 0
        for batch_id in going:
            try:
                self.look_at(batch_id, share)
            except (redis.RedisError, OperationalError):
                raise
            except Exception:
                log.exception("batch %s could not be looked after", batch_id)
                self.unwell[batch_id] = now_s + UNWELL_S

    def look_at(self, batch_id: str, share: int) -> None:
        """Look at one batch."""
        state = self.batches.state(batch_id)
        if state is None or state.ended:
            self.batches.close(batch_id)
        else:
            self.move(state, share)

    def window(self) -> int:
        """How many traces of batches may be asked for: those that are sampled, and as many ready."""
        alive = self.roster.alive(time.time() - SILENT_S).values()
        return AHEAD * sum(worker["slots"] for worker in alive if worker["queue"] == BATCH)

    def move(self, state: State, share: int) -> None:
        """Note what has ended, begin what there is room for, and end a batch that is through."""
        bits = self.batches.bits(state.batch)
        running = self.settle(state.batch.id, bits.running)
        waiting = bits.waiting
        if self.access.is_over(state.batch.owner, time.time()):
            self.batches.cancel(state.batch.id, time.time())
        if state.cancelling:
            self.stop(state.batch.id, running)
        elif time.time() < state.batch.expires_s:
            self.fill(state, running, waiting, share)
            running = running or waiting
        if not running:
            self.finish(state)

    def settle(self, batch_id: str, running: Sequence[int]) -> list[int]:
        """Count the lines whose runs have ended; those that go on."""
        going = []
        for some in chunks(running, AT_ONCE):
            over = self.batches.over(batch_id, some)
            going += [index for index in some if index not in over]
            for outcome in self.batches.outcomes(batch_id, sorted(over)):
                self.count(batch_id, outcome)
        return going

    def count(self, batch_id: str, outcome: Outcome) -> None:
        """Count a line whose run has ended, and keep the run for as long as the batch may last."""
        with self.runs.store.pipeline(transaction=True) as pipe:
            self.batches.count(batch_id, outcome, pipe)
            self.lasting.renew(run_of(batch_id, outcome.index), pipe)
            pipe.execute()

    def stop(self, batch_id: str, running: Sequence[int]) -> None:
        """Stop the lines that run."""
        for run_id in (run_of(batch_id, index) for index in running):
            self.runs.stop(run_id, Why.CANCELLED)

    def fill(self, state: State, running: Sequence[int], waiting: Sequence[int], share: int) -> None:
        """Begin lines in their order until as many traces are asked for as there is room for; one line
        may ask for more. A key that has spent what it may waits for the next day."""
        traces = self.batches.table(state.batch.id).traces
        left = self.access.left_today(state.batch.owner, time.time())
        share = share if left else 0
        asked = sum(traces[index] for index in running)
        for index in waiting:
            if asked >= share:
                break
            self.dispatch(state, index, left)
            asked += traces[index]

    def dispatch(self, state: State, index: int, left_tokens: float) -> None:
        """Have a line begun, once; it may spend what its key has left for the day."""
        batch = state.batch
        run_id = run_of(batch.id, index)
        if line := self.batches.line(batch.id, index):
            now_s = time.time()
            own_s = line.request.limits.deadline_s
            submission = Submission(
                request=line.request if left_tokens == inf else bounded(line.request, int(left_tokens)),
                created_s=now_s,
                deadline_s=min(now_s + own_s, batch.expires_s) if own_s else batch.expires_s,
                request_id=f"req_{run_id}",
                owner=batch.owner,
                source=Source.BATCH,
                shown=line.shown,
            )
            self.runs.open(run_id, submission)
            if not self.runs.is_acknowledged(run_id):
                self.begin(run_id)
                self.runs.acknowledge(run_id)
        self.batches.begun(batch.id, index)

    def finish(self, state: State) -> None:
        """End a batch: its runs and its files are kept from now on for their time."""
        batch, now_s = state.batch, time.time()
        self.batches.finalize(batch.id, now_s)
        end = End.EXPIRED if now_s >= batch.expires_s else End.COMPLETED
        end = End.CANCELLED if state.cancelling else end
        usage = self.keep(state)
        for file_id in self.batches.files(batch):
            self.files.name(batch.owner, file_id, now_s)
        self.batches.end(batch, end, usage)
        log.info("batch %s: %s", batch.id, end.value)

    def keep(self, state: State) -> Usage:
        """Keep all runs of a batch for as long as its files; what they have cost."""
        batch, spent = state.batch, NOTHING
        lasting = Runs(self.runs.store, batch.keep_s)
        for some in chunks(indexes(self.batches.bits(batch).begun), AT_ONCE):
            with self.runs.store.pipeline(transaction=False) as pipe:
                for index in some:
                    lasting.renew(run_of(batch.id, index), pipe)
                pipe.execute()
            for outcome in self.batches.outcomes(batch.id, some):
                spent += outcome.ending.usage if outcome.ending else NOTHING
        return spent
