"""The queues. Traces and steps of batches have queues of their own, whose workers nobody waits for."""

from workers.records import Source

CONTROL = "control"
SAMPLE = "sample"
BATCH = "batch"
BATCH_CONTROL = "batch-control"


def queue_of(source: Source) -> str:
    """Where the traces of a run are queued."""
    return BATCH if source is Source.BATCH else SAMPLE


def control_of(source: Source) -> str:
    """Where the steps between the rounds of a run are queued."""
    return BATCH_CONTROL if source is Source.BATCH else CONTROL
