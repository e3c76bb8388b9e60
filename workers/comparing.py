"""The child process that compares two mathematical expressions with Math-Verify; started by its path.

It knows nothing of the service: pairs of LaTeX come in as JSON lines on standard input, `true` or
`false` goes out for each, and it ends when its input does. The first line it writes is `null`: it is
ready. What takes too long is `false`; what the alarm cannot interrupt, the kernel ends.
"""

import json
import logging
import math
import resource
import signal
import sys
import warnings
from functools import lru_cache
from typing import Any

LAST_CPU_S = 2
MEMORY_BYTES = 1 << 30
DIGITS = 40
NEGLIGIBLE = 10**-30


class Expired(BaseException):
    """The time of a comparison is over; no `except Exception` of a library may swallow it."""


def main() -> None:
    """Answer until the input ends; the one argument is the processor time that a comparison has."""
    alarm_s = float(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    signal.signal(signal.SIGPROF, expire)
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    compare([r"\sqrt{8}", r"2\sqrt{2}"])
    say(None)
    for line in sys.stdin.buffer:
        say(in_time(json.loads(line), alarm_s))


def say(word: bool | None) -> None:
    """Write one line."""
    sys.stdout.write(json.dumps(word) + "\n")
    sys.stdout.flush()


def expire(*_: object) -> None:
    """The alarm's handler."""
    raise Expired


def in_time(expressions: list[str], alarm_s: float) -> bool | None:
    """Compare; None when time or memory ran out. The kernel ends the process when it computes on."""
    spent = resource.getrusage(resource.RUSAGE_SELF)
    bound = int(spent.ru_utime + spent.ru_stime) + math.ceil(alarm_s) + LAST_CPU_S
    resource.setrlimit(resource.RLIMIT_CPU, (bound, resource.RLIM_INFINITY))
    try:
        signal.setitimer(signal.ITIMER_PROF, alarm_s)
        try:
            return compare(expressions)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
    except (Expired, MemoryError):
        return None


def compare(expressions: list[str]) -> bool:
    """Whether all expressions are equal; one alone is only read and evaluated."""
    try:
        first, *others = [read(expression) for expression in expressions]
        return all(equal(first, other) for other in others or [first + 1])
    except Exception:  # noqa: BLE001 - a parser's and an algebra system's, which raise anything
        return False


@lru_cache(maxsize=256)
def read(latex: str) -> Any:
    """The expression, its decimals exact and its i the imaginary unit."""
    from latex2sympy2_extended import latex2sympy  # noqa: PLC0415 - half a second, and only in this process
    from latex2sympy2_extended.latex2sympy2 import ConversionConfig  # noqa: PLC0415
    from sympy import Float, I, Rational  # noqa: PLC0415

    config = ConversionConfig(lowercase_symbols=False)
    found = latex2sympy(latex, is_real=True, conversion_config=config)
    exact = {number: Rational(str(number)) for number in found.atoms(Float)}
    imaginary = {symbol: I for symbol in found.free_symbols if symbol.name == "i"}
    return found.xreplace(exact | imaginary)


def equal(one: Any, other: Any) -> bool:
    """Math-Verify's word, either way round, unless the numbers contradict."""
    from math_verify import verify  # noqa: PLC0415

    return not contradicts(one, other) and (
        verify(one, other, timeout_seconds=None) or verify(other, one, timeout_seconds=None)
    )


def contradicts(one: Any, other: Any) -> bool:
    """Whether two constants differ by more than rounding: Math-Verify takes 15 digits for equal."""
    if one.free_symbols or other.free_symbols or one.is_Relational or other.is_Relational:
        return False
    gap, size = abs((one - other).evalf(DIGITS)), abs(one.evalf(DIGITS))
    return bool(gap > NEGLIGIBLE * size)


if __name__ == "__main__":
    main()
