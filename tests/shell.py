"""Ways to play a run without workers, for tests of what moves it."""

import time
from collections.abc import Sequence

from tts_core.model import Request, Trace
from tts_core.testing import request, trace
from workers.records import Submission, Text
from workers.runs import Runs

RUN = "r1"


class Published(list[tuple[str, int, list[int]]]):
    """The traces that were sent to the workers."""

    def __call__(self, run_id: str, number: int, indexes: Sequence[int]) -> None:
        self.append((run_id, number, list(indexes)))


def submit(runs: Runs, asked: Request | None = None, inbox: str = "", life_s: float = 60) -> None:
    """Hand in the run RUN, of three traces unless something else is asked for."""
    asked = asked or request("self_consistency", budget=3)
    now = time.time()
    runs.open(RUN, Submission(request=asked, created_s=now, deadline_s=now + life_s), inbox)
    runs.acknowledge(RUN)


def keep(runs: Runs, *traces: Trace) -> None:
    """Traces of RUN have ended."""
    for kept in traces:
        runs.keep(RUN, kept, Text({"role": "assistant", "content": "?"}, kept.finish.value))


def answered(index: int, said: str = "\\boxed{42}") -> Trace:
    """A trace with an answer."""
    return trace(said, index=index)
