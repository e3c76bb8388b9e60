"""Finds traces that nobody has: not ended, held by no live process, in no queue and in nobody's hands.

Celery's Redis transport takes a message off its queue and writes down that it has it in two steps; a
process killed between them takes the message with it.
"""

import base64
import json
import time
from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import Any

from workers import keys
from workers.claims import holdings
from workers.queues import queue_of
from workers.records import Run
from workers.runs import Runs

SURE_AFTER_S = 1.0
FORGOTTEN_S = 60.0
MOST_QUEUED = 20_000
AT_ONCE = 500


class Janitor:
    """One per control process. Only what is missing twice in a row is taken for lost: a message may be
    between two places at the moment of a look."""

    def __init__(self, runs: Runs) -> None:
        self.runs = runs
        self.missing_since: dict[tuple[str, int], float] = {}
        self.sent_again: set[str] = set()

    def lost(self, run_id: str, run: Run, number: int) -> list[int]:
        """The traces of a published round that have to be published again."""
        held = {i for holding in holdings(self.runs, run_id).values() for i in holding.indexes}
        ended = run.traces.keys()
        missing = [i for i in run.plans[number].indexes if i not in ended and i not in held]
        place = (run_id, number)
        if not missing:
            self.missing_since.pop(place, None)
            return []
        now_s = time.time()
        self.forget_before(now_s - FORGOTTEN_S)
        since_s = self.missing_since.setdefault(place, now_s)
        if now_s - since_s < SURE_AFTER_S:
            self.runs.schedule(run_id, now_s + SURE_AFTER_S)
            return []
        del self.missing_since[place]
        on_their_way = self.on_their_way(run_id, run)
        return [index for index in missing if index not in on_their_way]

    def watch(self, run_id: str) -> None:
        """Have a run looked at often from now on. Traces of it were sent again, as a chord of their own:
        the round's first chord will never be complete, and the new one may be before the round is."""
        self.sent_again.add(run_id)

    def look_soon(self, run_id: str) -> None:
        """Have a watched run looked at again."""
        if run_id in self.sent_again:
            self.runs.schedule(run_id, time.time() + SURE_AFTER_S)

    def forget_before(self, moment_s: float) -> None:
        """Most runs end without another look: what was missing in them is not to be kept for ever."""
        for place in list(takewhile(lambda at: self.missing_since[at] < moment_s, self.missing_since)):
            del self.missing_since[place]

    def forget(self, run_id: str) -> None:
        """The run has ended."""
        self.sent_again.discard(run_id)
        for place in [place for place in self.missing_since if place[0] == run_id]:
            del self.missing_since[place]

    def on_their_way(self, run_id: str, run: Run) -> set[int]:
        """The traces of a run whose messages lie in the queue or in a worker's hands. With a queue too
        long to read nothing is taken for lost."""
        queue = queue_of(run.submission.source)
        if self.runs.store.llen(queue) > MOST_QUEUED:
            return set(range(sum(len(plan.which) for plan in run.plans)))
        return {index for args in self.messages(queue) if args[0] == run_id for index in args[2:3]}

    def messages(self, queue: str) -> Iterator[Sequence[Any]]:
        """The arguments of the messages in a queue and in all workers' hands."""
        for start in range(0, MOST_QUEUED, AT_ONCE):
            rows = self.runs.store.lrange(queue, start, start + AT_ONCE - 1)
            if not rows:
                break
            yield from (arguments(json.loads(row)) for row in rows)
        for row in self.runs.store.hvals(keys.UNACKED):
            yield arguments(json.loads(row)[0])


def arguments(message: dict[str, Any]) -> Sequence[Any]:
    """The arguments of a task's message."""
    args: Sequence[Any] = json.loads(base64.b64decode(message["body"]))[0]
    return args or ("",)
