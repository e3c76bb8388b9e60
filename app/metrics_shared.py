"""What all workers have counted, and how the queues and workers stand: read from Redis at each scrape."""

import math
import time
from collections import defaultdict
from collections.abc import Iterator
from itertools import accumulate
from typing import Any

import redis
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from workers import keys
from workers.client import SILENT_S
from workers.metrics import FAMILIES, SUM, Family, Key, read
from workers.queues import BATCH, BATCH_CONTROL, CONTROL, SAMPLE
from workers.roster import Roster

QUEUES = (CONTROL, SAMPLE, BATCH, BATCH_CONTROL)
SERVED = (CONTROL, SAMPLE, BATCH)


class Shared(Collector):
    """The numbers in one Redis. Without it they are missing, and `chorus_store_up` is 0."""

    def __init__(self, store: Any) -> None:
        self.store = store

    def collect(self) -> Iterator[Metric]:
        """All of them, as they stand now."""
        up = GaugeMetricFamily("chorus_store_up", "Whether Redis has answered.")
        try:
            found = [*self.totals(), *self.standing(), *self.workers()]
        except redis.RedisError:
            found = []
        up.add_metric([], float(bool(found)))
        return iter([up, *found])

    def totals(self) -> Iterator[Metric]:
        """What was counted since the store is there."""
        numbers = read(self.store.hgetall(keys.METRICS))
        by_name: defaultdict[str, dict[Key, float]] = defaultdict(dict)
        for (name, *labels), value in numbers.items():
            by_name[name][tuple(labels)] = value
        return (told(family, by_name[family.name]) for family in FAMILIES)

    def standing(self) -> Iterator[Metric]:
        """What waits, and what goes on."""
        with self.store.pipeline(transaction=False) as pipe:
            for name in QUEUES:
                pipe.llen(name)
            pipe.hlen(keys.UNACKED)
            pipe.zcard(keys.DEADLINES)
            *lengths, fetched, going_on = pipe.execute()
        queued = GaugeMetricFamily("chorus_queue_messages", "Messages that wait.", labels=["queue"])
        for name, length in zip(QUEUES, lengths, strict=True):
            queued.add_metric([name], length)
        yield queued
        yield GaugeMetricFamily(
            "chorus_fetched_messages", "Messages that a worker has and is not done with.", value=fetched
        )
        yield GaugeMetricFamily("chorus_runs_open", "Runs that have not ended.", value=going_on)

    def workers(self) -> Iterator[Metric]:
        """The worker processes that gave a sign of life lately."""
        now_s = time.time()
        alive = Roster(self.store).alive(now_s - SILENT_S)
        count = GaugeMetricFamily("chorus_workers", "Live worker processes.", labels=["queue"])
        for queue in SERVED:
            count.add_metric([queue], sum(facts["queue"] == queue for facts in alive.values()))
        yield count
        yield of_each(
            "chorus_worker_heartbeat_age_seconds",
            "Since the last sign of life.",
            {(name, facts["queue"]): max(0.0, now_s - facts["beat_s"]) for name, facts in alive.items()},
        )
        for name, doc, fact in (
            ("chorus_worker_slots", "Traces that it may have.", "slots"),
            ("chorus_worker_busy", "Traces that it has.", "traces"),
        ):
            yield of_each(name, doc, {(w, facts["queue"]): facts[fact] for w, facts in alive.items()})


def of_each(name: str, doc: str, values: dict[Key, float]) -> Metric:
    """A gauge of every worker process."""
    family = GaugeMetricFamily(name, doc, labels=["worker", "queue"])
    for labels, value in values.items():
        family.add_metric(labels, value)
    return family


def told(family: Family, values: dict[Key, float]) -> Metric:
    """A family as Prometheus reads it."""
    if family.bounds:
        return histogram(family, values)
    counter = CounterMetricFamily(family.name.removesuffix("_total"), family.doc, labels=family.labels)
    for labels, value in values.items() or (() if family.labels else [((), 0.0)]):
        counter.add_metric(labels, value)
    return counter


def histogram(family: Family, values: dict[Key, float]) -> Metric:
    """A family with its buckets added up. A bound that an older version has counted under counts, too."""
    found = HistogramMetricFamily(family.name, family.doc, labels=family.labels)
    series: defaultdict[Key, dict[str, float]] = defaultdict(dict)
    for (*labels, bound), value in values.items():
        series[tuple(labels)][bound] = value
    for key, counts in series.items():
        total = counts.pop(SUM, 0.0)
        bounds = {float(bound): count for bound, count in counts.items()}
        edges = sorted({*family.bounds, *bounds, math.inf})
        so_far = accumulate(bounds.get(edge, 0.0) for edge in edges)
        buckets = [(floatToGoString(edge), count) for edge, count in zip(edges, so_far, strict=True)]
        found.add_metric(key, buckets, total)
    return found
