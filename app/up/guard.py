"""The supervisor's shadow: when the supervisor is killed outright, it stops what was left running.

It reads "+PGID" and "-PGID" lines on standard input. The kernel closes that pipe when
the supervisor dies, whatever killed it, on Linux and macOS alike. It is run as a bare script, so it
needs nothing but the standard library.
"""

import os
import signal
import sys
import time
from collections.abc import Iterable, Sequence

GRACE_S = 5.0
LOOK_AGAIN_S = 0.05


def living_groups(lines: Iterable[str]) -> list[int]:
    """The process groups added and not taken away, oldest first; returns at end of file."""
    groups: dict[int, None] = {}
    for line in lines:
        sign, group = line[0], int(line[1:])
        if sign == "+":
            groups[group] = None
        else:
            groups.pop(group, None)
    return list(groups)


def stop_groups(groups: Sequence[int], grace_s: float = GRACE_S) -> None:
    """Ask process groups to stop, the youngest first, and after `grace_s` make those that did not."""
    end = time.monotonic() + grace_s
    left = [group for group in reversed(groups) if send(group, signal.SIGTERM)]
    while left and time.monotonic() < end:
        time.sleep(LOOK_AGAIN_S)
        left = [group for group in left if send(group, 0)]
    for group in left:
        send(group, signal.SIGKILL)


def send(group: int, signum: int) -> bool:
    """Whether there was a process in the group to get the signal."""
    try:
        os.killpg(group, signum)
    except ProcessLookupError:
        return False
    return True


def main() -> None:
    """Wait for the supervisor's end, then stop what is left."""
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, signal.SIG_IGN)
    stop_groups(living_groups(sys.stdin))


if __name__ == "__main__":
    main()
