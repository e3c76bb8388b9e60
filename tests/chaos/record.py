"""What a service has written down of a run, read from its Redis."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

import redis
from chaos.faults import until
from redis.backoff import ConstantBackoff
from redis.retry import Retry
from service import Service

from workers.records import Run
from workers.runs import Runs

QUEUES = ("control", "sample")
FOR_EVER = float("inf")


class Record:
    """The runs of a service."""

    def __init__(self, store: redis.Redis) -> None:
        self.store = store
        self.runs = Runs(store, 60)

    @classmethod
    @contextmanager
    def of(cls, service: Service) -> Iterator[Self]:
        """The record of a service; it bears with a Redis that is away for a while."""
        retry = Retry(ConstantBackoff(0.2), 50)
        with redis.Redis.from_url(service.store_url, retry=retry) as store:
            yield cls(store)

    def open_run(self, question: str) -> str:
        """The id of the open run of a question, once there is one."""
        return until(lambda: self.find(question), 10)

    def find(self, question: str) -> str:
        """The id of the open run of a question, or nothing."""
        for run_id in self.runs.due(FOR_EVER):
            try:
                messages = self.runs.load(run_id).submission.request.sampling.messages
            except KeyError:
                continue
            if messages[-1]["content"] == question:
                return run_id
        return ""

    def run(self, run_id: str) -> Run:
        """A run as it stands."""
        return self.runs.load(run_id)

    def kept(self, run_id: str) -> set[int]:
        """The traces that have been kept."""
        return set(self.runs.load(run_id).traces)

    def ending(self, run_id: str) -> bytes | None:
        """The ending of a run as it is written down."""
        found: bytes | None = self.runs.store.get(f"chorus:run:{run_id}:ending")
        return found

    def queued(self, queue: str) -> list[bytes]:
        """The messages that wait in a queue, as they are."""
        found: list[bytes] = self.runs.store.lrange(queue, 0, -1)
        return found

    def deliver(self, queue: str, messages: list[bytes]) -> None:
        """Put messages into a queue."""
        self.runs.store.lpush(queue, *messages)

    def settled(self, *queues: str) -> None:
        """Wait until no message of these queues (none: of all) waits or is in anybody's hands.

        Raises TimeoutError, which tells of those that are.
        """
        try:
            until(lambda: not self.open_messages(*queues))
        except TimeoutError as error:
            raise TimeoutError(f"not done: {self.open_messages(*queues)}") from error

    def open_messages(self, *queues: str) -> list[str]:
        """What waits in these queues (none: in all) or is in hand: where, which task, of what."""
        in_hand = [(row[2], row[0]) for row in map(json.loads, self.runs.store.hvals("unacked"))]
        waiting = [
            (f"{queue} (waiting)", json.loads(raw)) for queue in QUEUES for raw in self.queued(queue)
        ]
        return [
            f"{queue}: {message['headers'].get('task')}{message['headers'].get('argsrepr')}"
            for queue, message in (*in_hand, *waiting)
            if queue.split()[0] in (queues or QUEUES)
        ]

    def endings(self, run_id: str) -> int:
        """How often the end of a run was told."""
        return self.events(run_id).count("end")

    def events(self, run_id: str) -> list[str]:
        """The types of all events of a run."""
        rows = self.store.xrange(f"chorus:run:{run_id}:events")
        return [fields[b"type"].decode() for _, fields in rows]
