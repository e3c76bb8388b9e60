"""The child process that compares two mathematical expressions with Math-Verify; started by its path.

It knows nothing of the service: pairs of LaTeX come in as JSON lines on standard input, `true` or
`false` goes out for each, and it ends when its input does. The first line it writes is `null`: it is
ready; where Math-Verify cannot be imported or does not work, it ends instead. What takes too long is
`false`; what the alarm cannot interrupt, the kernel ends.
"""

import json
import logging
import math
import re
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
EQUATIONS = ("=", r"\ne")
RELATION = re.compile(r"=|<|\\(?:ne|le)(?![A-Za-z])\s*")


class Expired(BaseException):
    """The time of a comparison is over; no `except Exception` of a library may swallow it."""


def main() -> None:
    """Answer until the input ends; the one argument is the processor time that a comparison has."""
    alarm_s = float(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    signal.signal(signal.SIGPROF, expire)
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    if not compare([r"\sqrt{8}", r"2\sqrt{2}"]):
        sys.exit("Math-Verify does not work here")
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
    """Whether all expressions are equal, or all relations multiples; one alone is only evaluated."""
    try:
        first, *others = map(sides, expressions)
        return all(alike(first, other) for other in others or [first])
    except Exception:  # noqa: BLE001 - a parser's and an algebra system's, which raise anything
        return False


def sides(latex: str) -> tuple[str, list[Any]]:
    """The relation ("": none) and what stands on its sides."""
    relation = RELATION.search(latex)
    if relation is None:
        return "", [read(latex)]
    return relation[0].strip(), [read(latex[: relation.start()]), read(latex[relation.end() :])]


def alike(one: tuple[str, list[Any]], other: tuple[str, list[Any]]) -> bool:
    """Whether two expressions are equal, or two relations the same but for a factor."""
    if one[0] != other[0]:
        return False
    if not one[0]:
        return equal(one[1][0], other[1][0])
    return proportional(one[1][0] - one[1][1], other[1][0] - other[1][1], one[0])


def proportional(one: Any, other: Any, relation: str) -> bool:
    """Whether `one relation 0` is `other relation 0` times a constant: positive if it is an inequality.

    A statement without a variable is true or false whatever its numbers are, so it is like no other.
    """
    from sympy import cancel, simplify  # noqa: PLC0415

    if not one.free_symbols or one.free_symbols != other.free_symbols:
        return False
    factor = cancel(one / other)
    factor = simplify(factor) if factor.free_symbols else factor
    if factor.free_symbols or not factor.is_finite or factor.is_zero is not False:
        return False
    return bool(relation in EQUATIONS or factor.is_positive)


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
    """Math-Verify's word, unless the numbers contradict: looked at first where that is cheap."""
    if one.free_symbols or other.free_symbols:
        return verified(one, other) and not contradicts(one, other)
    return not contradicts(one, other) and verified(one, other)


def verified(one: Any, other: Any) -> bool:
    """Math-Verify's word, either way round."""
    from math_verify import verify  # noqa: PLC0415

    return verify(one, other, timeout_seconds=None) or verify(other, one, timeout_seconds=None)


def contradicts(one: Any, other: Any) -> bool:
    """Whether two expressions differ in numbers: Math-Verify takes 15 digits, or tiny coefficients, for
    equal. Variables stand for fractions here; what is rational then is compared exactly."""
    symbols = sorted(one.free_symbols | other.free_symbols, key=str)
    point = {symbol: fraction(place) for place, symbol in enumerate(symbols)}
    one, other = one.subs(point), other.subs(point)
    gap = one - other
    if gap.is_Rational:
        return bool(gap != 0)
    return bool(abs(gap.evalf(DIGITS)) > NEGLIGIBLE * abs(one.evalf(DIGITS)))


def fraction(place: int) -> Any:
    """A fraction that no answer is likely to single out, another one for every variable."""
    from sympy import Rational  # noqa: PLC0415

    return Rational(7, 5) + place * Rational(3, 11)


if __name__ == "__main__":
    main()
