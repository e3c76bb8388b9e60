"""What is true of a run as soon as it has ended, whoever was killed meanwhile."""

from contextlib import suppress

import pytest
from shell import RUN, answered, keep, submit

from tts_core.model import Why
from workers.records import Ending
from workers.rounds import Rounds
from workers.runs import Runs

LIFE = [f"chorus:run:{RUN}{part}" for part in ("", ":texts", ":events", ":ending", ":inboxes")]


class KilledError(BaseException):
    """The process is no more."""


def killed(**_: object) -> None:
    """A killed process asks nothing more of the store."""
    raise KilledError


def test_a_process_killed_as_it_ends_a_run_has_said_how_long_it_is_kept(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit(runs, inbox="web")
    keep(runs, answered(0))
    with monkeypatch.context() as patched:
        patched.setattr(runs.store, "pipeline", killed)
        with suppress(KilledError):
            runs.end(RUN, Ending())
    assert [round(runs.store.pttl(key) / 1000) for key in LIFE] == [runs.ttl_s] * len(LIFE)
    assert round(runs.store.pttl(f"chorus:owner:{RUN}") / 1000) == 2 * runs.ttl_s


def test_a_bug_that_ends_a_run_stops_its_traces(runs: Runs, rounds: Rounds) -> None:
    submit(runs)
    rounds.step(RUN)
    with pytest.raises(ZeroDivisionError), rounds.at_stake(RUN):
        _ = 1 / 0
    assert runs.load(RUN).stop is Why.CANCELLED
