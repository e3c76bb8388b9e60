"""A run before it begins: let in, and bounded by what its key may still spend."""

import time
from dataclasses import replace

from tts_core.model import Request
from workers.access import Allowance
from workers.admission import Admission, Claim
from workers.queues import SAMPLE
from workers.records import Submission
from workers.roster import Roster
from workers.settings import Settings

GIVEN_UP_S = 60.0
KNOWN_S = 2.0
SILENT_S = 10.0


class Places:
    """How many traces may wait or be sampled: a bound on what waits, and the slots of live workers."""

    def __init__(self, roster: Roster, settings: Settings) -> None:
        self.roster = roster
        self.most_waiting = settings.max_waiting_traces
        self.slots = 0
        self.counted_s = -KNOWN_S

    def __call__(self) -> int:
        """The number, at most KNOWN_S old."""
        if time.monotonic() >= self.counted_s + KNOWN_S:
            alive = self.roster.alive(time.time() - SILENT_S).values()
            self.slots = sum(worker["slots"] for worker in alive if worker["queue"] == SAMPLE)
            self.counted_s = time.monotonic()
        return self.most_waiting + self.slots


def let_in(admission: Admission, run_id: str, submission: Submission, allowed: Allowance) -> Submission:
    """The submission once it has its place. A run that has one already needs no other.

    Raises what Admission.admit raises.
    """
    request = submission.request
    places, until_s = request.options.get("budget", 1), submission.deadline_s + GIVEN_UP_S
    left = admission.admit(Claim(run_id, submission.owner, places, until_s, allowed))
    return submission if left is None else replace(submission, request=bounded(request, left))


def bounded(request: Request, left_tokens: int) -> Request:
    """The request with no more tokens than its key may still spend."""
    own = request.limits.max_total_tokens
    most = left_tokens if own is None else min(own, left_tokens)
    return replace(request, limits=replace(request.limits, max_total_tokens=most))
