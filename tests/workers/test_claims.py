"""Who has a trace: what comes twice is not sampled twice, what was lost is sampled again."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingUnixStreamServer
from threading import Event, Thread

from shell import RUN, answered, keep, submit

from tts_core.model import Usage
from workers.claims import FRESH_S, Claims, holdings
from workers.records import Carried, Holding
from workers.rounds import Rounds
from workers.runs import Runs
from workers.store import connect

OTHER = "other"


@contextmanager
def losing_a_reply(server: str, line: Path) -> Iterator[Path]:
    """A way to the server on which the first reply to a claim is lost with its connection."""
    lost = Event()

    class Passage(BaseRequestHandler):
        def handle(self) -> None:
            with socket.socket(socket.AF_UNIX) as beyond:
                beyond.connect(server)
                while asked := self.request.recv(65536):
                    beyond.sendall(asked)
                    reply = beyond.recv(65536)
                    if b"claim:" in asked and not lost.is_set():
                        lost.set()
                        return
                    self.request.sendall(reply)

    with ThreadingUnixStreamServer(str(line), Passage) as passage:
        thread = Thread(target=passage.serve_forever)
        thread.start()
        try:
            yield line
        finally:
            passage.shutdown()
            thread.join()


def claimed_long_ago(runs: Runs, index: int) -> None:
    """Another process has claimed a trace a minute ago."""
    runs.store.hset(f"chorus:run:{RUN}", f"claim:{index}", f"{OTHER}@{time.time() - 60}")


def test_a_trace_that_was_just_claimed_elsewhere_is_left_there(
    runs: Runs, rounds: Rounds, claims: Claims
) -> None:
    submit(runs)
    rounds.step(RUN)
    Claims(runs, OTHER).arrive(RUN, 0, 1)
    assert claims.arrive(RUN, 0, 1).holder == OTHER


def test_a_trace_that_a_live_process_holds_is_left_there(
    runs: Runs, rounds: Rounds, claims: Claims
) -> None:
    submit(runs)
    rounds.step(RUN)
    claimed_long_ago(runs, 1)
    Claims(runs, OTHER).tell({RUN: Holding(time.time(), (0, 1))})
    assert claims.arrive(RUN, 0, 1).holder == OTHER


def test_a_trace_of_a_process_that_went_silent_is_taken_over_and_known_as_lost(
    runs: Runs, rounds: Rounds, claims: Claims
) -> None:
    submit(runs)
    rounds.step(RUN)
    claimed_long_ago(runs, 1)
    Claims(runs, OTHER).tell({RUN: Holding(time.time() - 2 * FRESH_S, (0, 1))})
    arrival = claims.arrive(RUN, 0, 1)
    assert (arrival.holder, arrival.lost, arrival.plan is not None) == ("", True, True)


def test_who_took_a_trace_over_holds_it(runs: Runs, rounds: Rounds, claims: Claims) -> None:
    submit(runs)
    rounds.step(RUN)
    claimed_long_ago(runs, 1)
    claims.arrive(RUN, 0, 1)
    assert Claims(runs, "third").arrive(RUN, 0, 1).holder == "me"


def test_a_trace_that_was_handed_back_brings_its_cost_and_is_not_lost(
    runs: Runs, rounds: Rounds, claims: Claims
) -> None:
    submit(runs)
    rounds.step(RUN)
    spent = Carried(Usage(completion_tokens=7, total_tokens=7), unreported=7, blind=1, attempts=1)
    other = Claims(runs, OTHER)
    other.arrive(RUN, 0, 1)
    other.hand_back(RUN, 1, spent)
    arrival = claims.arrive(RUN, 0, 1)
    assert (arrival.carried, arrival.lost) == (spent, False)


def test_a_claim_whose_reply_was_lost_is_ones_own(
    runs: Runs, rounds: Rounds, redis_url: str, tmp_path: Path
) -> None:
    submit(runs)
    rounds.step(RUN)
    with losing_a_reply(redis_url.removeprefix("unix://"), tmp_path / "line") as line:
        store = connect(f"unix://{line}", tries=2)
        arrival = Claims(Runs(store, 60), "me").arrive(RUN, 0, 1)
        store.connection_pool.disconnect()
    assert runs.store.hexists(f"chorus:run:{RUN}", "claim:1")
    assert (arrival.holder, arrival.lost, arrival.plan is not None) == ("", False, True)


def test_a_kept_trace_needs_no_claim(runs: Runs, rounds: Rounds, claims: Claims) -> None:
    submit(runs)
    rounds.step(RUN)
    keep(runs, answered(1))
    claimed_long_ago(runs, 1)
    assert claims.arrive(RUN, 0, 1).kept is not None


def test_what_a_silent_process_held_is_held_by_nobody(runs: Runs) -> None:
    Claims(runs, OTHER).tell({RUN: Holding(time.time() - 2 * FRESH_S, (0, 1))})
    assert holdings(runs, RUN) == {}
