"""The queues. Traces of batches have one of their own, whose workers nobody waits for."""

from workers.records import Source

CONTROL = "control"
SAMPLE = "sample"
BATCH = "batch"


def queue_of(source: Source) -> str:
    """Where the traces of a run are queued."""
    return BATCH if source is Source.BATCH else SAMPLE
