"""The supervisor owns its processes: while it lives they run, and none outlives it."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

TOY = str(Path(__file__).parent / "toy_table.py")
LIVE = "echo up $$; exec sleep 600"
STUBBORN = "trap '' TERM; echo up $$; while :; do sleep 600; done"

pytestmark = pytest.mark.timeout(30)


@pytest.fixture
def supervise(talk: Callable) -> Callable:
    """A supervisor over NAME=COMMAND rows."""
    return lambda *rows, **settings: talk(sys.executable, TOY, *rows, **settings)


def pid(line: str) -> int:
    """The process id that a child has printed."""
    return int(line.rsplit(maxsplit=1)[-1])


def test_processes_start_in_the_order_of_the_table(supervise):
    boss = supervise(f"one={LIVE}", f"two={LIVE}")
    boss.until("ALL UP")
    assert boss.text.index("starting one") < boss.text.index("starting two")


def test_a_gate_holds_the_others_back_until_it_is_ready(supervise):
    boss = supervise("first!gate=echo opening; touch first; exec sleep 600", f"second={LIVE}")
    boss.until("ALL UP")
    assert boss.text.index("first ready in") < boss.text.index("starting second")


def test_processes_stop_in_reverse(supervise):
    last_words = "trap 'echo bye; exit' TERM; echo up; while :; do sleep 0.02; done"
    boss = supervise(f"one={last_words}", f"two={last_words}", f"three={last_words}")
    for _ in range(3):
        boss.until(": up")
    boss.signal(signal.SIGTERM)
    boss.end()
    assert [line.split(":")[0] for line in boss.lines if "bye" in line] == ["three", "two", "one"]


def test_a_killed_process_is_started_again(supervise):
    boss = supervise(f"one={LIVE}")
    os.kill(pid(boss.until("up")), signal.SIGKILL)
    boss.until("one was killed by SIGKILL; starting again")
    boss.until("one: up")


def test_a_process_that_never_gets_ready_ends_everything(supervise):
    boss = supervise(f"fine={LIVE}", "broken!gate=exit 7")
    assert boss.end() == 1
    assert "giving up: broken exited with 7 3 times" in boss.text


def test_a_usage_error_is_not_tried_again(supervise):
    boss = supervise(f"fine={LIVE}", "wrong=echo bad setting; exit 2")
    assert boss.end() == 1
    assert boss.text.count("bad setting") == 1


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_no_process_outlives_the_supervisor(supervise, wake, signum):
    held = f"exec 9>{wake.path}; {LIVE}"
    boss = supervise(f"one={held}", f"two={held}")
    boss.until("up")
    boss.until("up")
    boss.signal(signum)
    assert wake.all_gone(within_s=10)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGKILL])
def test_no_grandchild_outlives_the_supervisor(supervise, wake, signum):
    boss = supervise(f"one=exec 9>{wake.path}; sleep 600 & {LIVE}")
    boss.until("up")
    boss.signal(signum)
    assert wake.all_gone(within_s=10)


def test_a_process_that_ignores_sigterm_is_killed_after_the_grace(supervise, wake):
    boss = supervise(f"one=exec 9>{wake.path}; {STUBBORN}", GRACE_S="0.2")
    boss.until("one: up")
    boss.signal(signal.SIGINT)
    boss.until("one did not stop in 0.2 s: killed")
    assert wake.all_gone(within_s=5)


def test_a_second_signal_kills_at_once(supervise):
    boss = supervise(f"one={STUBBORN}", GRACE_S="600")
    boss.until("one: up")
    boss.signal(signal.SIGINT)
    boss.until("stopping")
    boss.signal(signal.SIGINT)
    assert boss.end() == 0


def test_a_line_too_long_to_hold_does_not_stop_the_reading(supervise):
    boss = supervise("one=head -c 3000000 /dev/zero | tr '\\0' x; echo; echo after; exec sleep 600")
    boss.until("one: after")
