"""Which worker process has a trace: a trace that comes twice is not paid for twice."""

import time
from collections.abc import Mapping
from typing import Any

from tts_core.model import Trace
from workers import keys
from workers.json_fields import decode, encode
from workers.records import NOT_WANTED, NOTHING_YET, Arrival, Carried, Holding, StoredPlan, Ticket
from workers.runs import Runs

FRESH_S = 4.0
HELD_S = 60


class Claims:
    """The claims of one process, known by the name `me`."""

    def __init__(self, runs: Runs, me: str) -> None:
        self.runs = runs
        self.store = runs.store
        self.me = me

    def arrive(self, run_id: str, number: int, index: int) -> Arrival:
        """Claim trace `index` of round `number`: whether it is still to be sampled, and how."""
        name, mine = keys.run(run_id), f"{self.me}@{time.time():.3f}"
        ends = ("stop", f"stop:{number}", f"closing:{number}")
        with self.store.pipeline(transaction=False) as pipe:
            pipe.hsetnx(name, f"claim:{index}", mine)
            pipe.hmget(
                name,
                "ticket",
                f"trace:{index}",
                f"claim:{index}",
                f"carried:{index}",
                f"guard:{number}",
                *ends,
            )
            _, (ticket, kept, claim, carried, guard, *ended) = pipe.execute()
        # Not the first command's word: sent again after a lost connection, it meets its own claim.
        first = claim == mine.encode()
        if not ticket:
            self.runs.clear(run_id)
            return NOT_WANTED
        if kept:
            return Arrival(decode(kept, Trace))
        if any(ended):
            return NOT_WANTED
        if not first and (holder := self.holder(run_id, index, claim.decode())):
            return Arrival(holder=holder)
        if not first:
            self.store.hset(name, f"claim:{index}", mine)
        return Arrival(
            plan=decode(guard, StoredPlan) if guard else self.runs.plan(run_id, number),
            ticket=decode(ticket, Ticket),
            carried=decode(carried, Carried) if carried else NOTHING_YET,
            lost=not first,
        )

    def holder(self, run_id: str, index: int, claim: str) -> str:
        """The process that has claimed a trace, if it is alive and still at it."""
        name, _, since_s = claim.rpartition("@")
        if time.time() - float(since_s) < FRESH_S:
            return name
        held = holdings(self.runs, run_id).get(name)
        return name if held and index in held.indexes else ""

    def hand_back(self, run_id: str, index: int, carried: Carried) -> None:
        """Let another process have a trace; what it has cost goes with it."""
        with self.store.pipeline(transaction=True) as pipe:
            pipe.hset(keys.run(run_id), f"carried:{index}", encode(carried))
            pipe.hdel(keys.run(run_id), f"claim:{index}")
            pipe.execute()

    def tell(self, held: Mapping[str, Holding]) -> None:
        """Tell what this process has of which runs."""
        with self.store.pipeline(transaction=False) as pipe:
            for run_id, holding in held.items():
                pipe.hset(keys.run(run_id, "held"), self.me, encode(holding))
                pipe.expire(keys.run(run_id, "held"), HELD_S)
            pipe.execute()


def holdings(runs: Runs, run_id: str) -> dict[str, Holding]:
    """What live worker processes have of a run, by their names."""
    found: dict[bytes, Any] = runs.store.hgetall(keys.run(run_id, "held"))
    held = {name.decode(): decode(raw, Holding) for name, raw in found.items()}
    oldest_s = time.time() - FRESH_S
    return {name: holding for name, holding in held.items() if holding.at_s >= oldest_s}
