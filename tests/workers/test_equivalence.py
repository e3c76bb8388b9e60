"""Mathematics compared in child processes: bounded, cleaned up, and never in anybody's way."""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from shell import RUN, Published, answered, keep, submit

from tts_core.answers import key
from tts_core.model import Until, Why
from tts_core.testing import request
from workers import comparing as child_program
from workers.comparing_child import Child, NotReady
from workers.equivalence import NOT_INSTALLED, UNCOMPARED, Equivalence
from workers.records import Run, StoredPlan, led, same_in
from workers.rounds import Rounds
from workers.runs import Runs

ROOTS = ("2\\sqrt{2}", "\\sqrt{8}", "\\frac{4}{\\sqrt{2}}")
TOWERS = tuple(f"{n}^{{{n}^{{{n}^{{{n}}}}}}}+(x+y+{n})^{{300}}" for n in range(2, 9))
GONE_S = 10


@pytest.fixture(scope="module")
def equivalence() -> Iterator[Equivalence]:
    """One child for this module, and time enough for a busy machine."""
    found = Equivalence(children=1, closing_s=30, watchdog_s=5)
    found.cluster(map(key, ROOTS))
    yield found
    found.close()


@pytest.fixture
def comparing(runs: Runs, published: Published, equivalence: Equivalence) -> Rounds:
    """What moves runs forward and compares their answers."""
    return Rounds(runs, published, equivalence)


def closed(runs: Runs, rounds: Rounds, *spellings: str) -> Run:
    submit(runs, request("self_consistency", budget=len(spellings)))
    rounds.step(RUN)
    keep(runs, *(answered(n, f"\\boxed{{{spelling}}}") for n, spelling in enumerate(spellings)))
    rounds.close(RUN, 0, Why.COMPLETE)
    return runs.load(RUN)


def wait_until_gone(pid: int) -> bool:
    """Whether a process that is not our child ends in time."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], GONE_S)[0])
    finally:
        os.close(handle)


def test_a_closing_gives_equal_answers_one_key(runs: Runs, comparing: Rounds) -> None:
    run = closed(runs, comparing, *ROOTS, "3")
    assert len({trace.answer.key for trace in run.closed_traces(0) if trace.answer}) == 2


def test_an_answer_keeps_its_spelling_in_its_class(runs: Runs, comparing: Rounds) -> None:
    run = closed(runs, comparing, *ROOTS)
    assert tuple(trace.answer.text for trace in run.closed_traces(0) if trace.answer) == ROOTS


def test_what_is_the_same_is_written_down_and_not_decided_again(
    runs: Runs, comparing: Rounds, published: Published
) -> None:
    before = closed(runs, comparing, *ROOTS)
    without = Rounds(runs, published, Equivalence(closing_s=0))
    without.close(RUN, 0, Why.COMPLETE)
    assert runs.load(RUN).closings == before.closings
    assert before.closings[0].same


def test_the_traces_that_are_stored_keep_their_own_keys(runs: Runs, comparing: Rounds) -> None:
    run = closed(runs, comparing, *ROOTS)
    assert {trace.answer.key for trace in run.traces.values() if trace.answer} == set(map(key, ROOTS))


def test_a_round_is_judged_by_what_earlier_rounds_found_equal(runs: Runs, comparing: Rounds) -> None:
    run = closed(runs, comparing, *ROOTS)
    sampling = run.plans[0].samplings[0]
    plan = StoredPlan((sampling,), (0, 0, 0), 3, Until(consensus=0.9, votes=3))
    runs.record_plan(RUN, 1, plan, time.time())
    keep(runs, *(answered(3 + n, f"\\boxed{{{spelling}}}") for n, spelling in enumerate(ROOTS)))
    comparing.stop_if_decided(RUN, 1)
    assert runs.load(RUN).stops == {1: Why.CONSENSUS}


def test_a_leader_of_an_earlier_round_stays_the_leader(runs: Runs, comparing: Rounds) -> None:
    run = closed(runs, comparing, "2\\sqrt{2}")
    sampling = run.plans[0].samplings[0]
    runs.record_plan(RUN, 1, StoredPlan((sampling,), (0, 0, 0), 1), time.time())
    keep(runs, *(answered(n, "\\boxed{\\sqrt{8}}") for n in (1, 2, 3)))
    comparing.close(RUN, 1, Why.COMPLETE)
    run = runs.load(RUN)
    assert run.leaders == {key("2\\sqrt{2}")}


def test_a_trace_without_an_equal_is_left_as_it_is() -> None:
    assert led(answered(0), same_in(())) == answered(0)


def test_hostile_answers_end_within_the_time_of_a_closing() -> None:
    bounded = Equivalence(children=1)
    try:
        bounded.cluster(map(key, ROOTS))
        began_s = time.monotonic()
        found, notes = bounded.cluster(map(key, TOWERS))
        took_s = time.monotonic() - began_s
    finally:
        bounded.close()
    assert (found.leaders, notes) == ({}, (UNCOMPARED,))
    assert took_s < 2 + 1.5


def test_a_hostile_closing_does_not_hold_up_another_one() -> None:
    shared = Equivalence(children=2)
    try:
        for child in shared.children:
            child.prepare(30)
        with ThreadPoolExecutor(1) as pool:
            hostile = pool.submit(shared.cluster, list(map(key, TOWERS)))
            found, notes = shared.cluster(map(key, ROOTS))
            assert not hostile.done()
    finally:
        shared.close()
    assert (len(found.leaders), notes) == (2, ())


def test_an_expression_that_timed_out_is_not_tried_again(equivalence: Equivalence) -> None:
    hostile = [key("(x+y+z)^{300}+1"), key("\\sqrt{3}")]
    equivalence.cluster(hostile)
    began_s = time.monotonic()
    _, notes = equivalence.cluster(hostile)
    assert notes == (UNCOMPARED,)
    assert time.monotonic() - began_s < 0.2


def test_a_child_that_hangs_is_replaced() -> None:
    hanging = Equivalence(children=1, closing_s=30)
    try:
        hanging.cluster(map(key, ROOTS))
        [child] = hanging.children
        assert child.process
        before = child.process.pid
        os.kill(before, signal.SIGSTOP)
        hanging.cluster([key("\\sqrt{12}"), key("2\\sqrt{3}")])
        found, _ = hanging.cluster([key("\\sqrt{27}"), key("3\\sqrt{3}")])
        assert child.process
        assert child.process.pid != before
    finally:
        hanging.close()
    assert len(found.leaders) == 1
    assert wait_until_gone(before)


def test_a_child_whose_parent_is_killed_ends() -> None:
    script = (
        "import time; from workers.comparing_child import Child; c = Child(); c.prepare(30);"
        "print(c.process.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as parent:
        assert parent.stdout
        child = int(parent.stdout.readline())
        parent.kill()
    assert wait_until_gone(child)


def test_a_child_is_told_no_secrets(equivalence: Equivalence, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPSTREAM_API_KEY", "sk-secret")
    child = Equivalence(children=1).children[0]
    try:
        child.prepare(30)
        assert child.process
        assert b"sk-secret" not in Path(f"/proc/{child.process.pid}/environ").read_bytes()
    finally:
        child.stop()


def test_a_child_cannot_take_all_memory(equivalence: Equivalence) -> None:
    [child] = equivalence.children
    assert child.process
    limits = Path(f"/proc/{child.process.pid}/limits").read_text()
    [line] = [line for line in limits.splitlines() if line.startswith("Max address space")]
    assert line.split()[3] == str(1 << 30)


@pytest.fixture
def without() -> Equivalence:
    """As it is where Math-Verify is not installed."""
    found = Equivalence()
    found.installed = False
    return found


def test_without_math_verify_keys_alone_decide_and_that_is_said(without: Equivalence) -> None:
    found, notes = without.cluster(map(key, ROOTS))
    assert (found.leaders, notes) == ({}, (NOT_INSTALLED,))


def test_without_math_verify_nothing_is_said_of_answers_that_need_none(without: Equivalence) -> None:
    assert without.cluster(map(key, ("7", "8", "Paris")))[1] == ()


def test_a_math_verify_that_cannot_be_imported_leaves_keys_to_decide_and_that_is_said() -> None:
    broken = Equivalence(children=1, closing_s=0)
    broken.children[0].command = (sys.executable, "-c", "raise ImportError")
    try:
        found, notes = broken.cluster(map(key, ROOTS))
    finally:
        broken.close()
    assert (found.leaders, notes) == ({}, (UNCOMPARED,))


def test_a_child_whose_libraries_do_not_work_is_never_ready() -> None:
    script = (
        f"import runpy, sys; sys.modules['math_verify'] = None; runpy.run_path({child_program.__file__!r}, "
    )
    child = Child()
    child.command = (sys.executable, "-I", "-c", script + "run_name='__main__')")
    with pytest.raises(NotReady):
        child.prepare(30)
