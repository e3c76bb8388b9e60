"""gunicorn's hooks: a process that has ended has no request going on any more."""

from typing import Any

from prometheus_client.multiprocess import mark_process_dead


def child_exit(_server: Any, worker: Any) -> None:
    """A web process has ended, or was killed; what it has counted stays."""
    mark_process_dead(worker.pid)
