"""Accuracy over tokens and over budget as one SVG file; no library draws it, and nothing is loaded."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log2

from app.eval.measuring import MAJORITY, References, Row

# Okabe and Ito's colours, told apart by most people; further strategies get them again, dashed.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#6B6B6B", "#8B5A2B")
DASHES = ("", "6 3", "2 3")
WIDTH, HEIGHT = 980, 400
PANEL_WIDTH, PANEL_HEIGHT, TOP, LEFT, GAP = 400, 290, 46, 56, 70
ROW, COLUMNS = 18, 3
INK, FAINT = "#333333", "#DDDDDD"
FONT = "font-family='system-ui, sans-serif' font-size='12'"
TICKS = 5
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Panel:
    """A pair of axes: x in powers of two from `first` to `last` (exponents), y from 0 to `top`."""

    left: float
    first: float
    last: float
    top: float
    title: str

    def at(self, x: float, y: float) -> Point:
        """Where a value is drawn."""
        across = (log2(x) - self.first) / (self.last - self.first)
        return self.left + across * PANEL_WIDTH, TOP + PANEL_HEIGHT * (1 - y / self.top)


@dataclass(frozen=True, slots=True)
class Line:
    """A strategy's rows in the order of their budgets, and how they are drawn."""

    name: str
    rows: tuple[Row, ...]
    colour: str
    dash: str


def svg(rows: Sequence[Row], known: References, title: str) -> str:
    """The whole picture."""
    lines = lines_of(rows)
    top = nice(max([*(row.high for row in rows), *known.oracle.values()], default=1.0))
    left = panel(LEFT, [row.tokens for row in rows], top, "tokens written for a question")
    right = panel(LEFT + PANEL_WIDTH + GAP, [row.budget for row in rows], top, "budget (traces)")
    height = HEIGHT + ROW * ceil((len(lines) + 3) / COLUMNS)
    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {height}' role='img' {FONT}>",
        f"<title>{escape(title)}</title>",
        f"<rect width='{WIDTH}' height='{height}' fill='white'/>",
        text(WIDTH / 2, 20, title, size=14),
        *drawn(left, lines, known, lambda row: max(1.0, row.tokens)),
        *drawn(right, lines, known, lambda row: float(row.budget)),
        oracle(right, known),
        *legend(lines),
        "</svg>",
    ]
    return "\n".join(filter(None, parts)) + "\n"


def lines_of(rows: Sequence[Row]) -> list[Line]:
    """A line for each strategy, in the order of the rows."""
    names = list(dict.fromkeys(row.strategy for row in rows))
    return [
        Line(
            name,
            tuple(sorted((r for r in rows if r.strategy == name), key=lambda row: row.budget)),
            COLOURS[place % len(COLOURS)],
            DASHES[place // len(COLOURS) % len(DASHES)],
        )
        for place, name in enumerate(names)
    ]


def panel(left: float, values: Sequence[float], top: float, title: str) -> Panel:
    """Axes that hold these values."""
    exponents = [log2(max(1.0, value)) for value in values] or [0.0]
    first, last = floor(min(exponents)), ceil(max(exponents))
    return Panel(left, first, max(last, first + 1), top, title)


def nice(highest: float) -> float:
    """The top of an axis of shares: the next tenth, twentieth or hundredth."""
    step = 0.1 if highest > 0.3 else 0.05 if highest > 0.1 else 0.01
    return min(1.0, max(step, ceil(highest / step) * step))


def drawn(
    axes: Panel, lines: Sequence[Line], known: References, x: Callable[[Row], float]
) -> Iterator[str]:
    """One panel with everything in it."""
    yield from frame(axes)
    for line in lines:
        if line.name == MAJORITY:
            yield band(axes, line, x)
    (first, y), (last, _) = axes.at(2**axes.first, known.single), axes.at(2**axes.last, known.single)
    yield path([(first, y), (last, y)], INK, "4 4", "pass@1", width=1)
    for line in lines:
        yield from curve(axes, line, x)


def frame(axes: Panel) -> Iterator[str]:
    """The axes, their grid and their labels."""
    bottom, right = TOP + PANEL_HEIGHT, axes.left + PANEL_WIDTH
    for tick in range(TICKS + 1):
        value = axes.top * tick / TICKS
        _, y = axes.at(2**axes.first, value)
        yield path([(axes.left, y), (right, y)], FAINT, "", "", width=1)
        yield text(axes.left - 6, y + 4, f"{value:.0%}" if axes.top > 0.1 else f"{value:.1%}", anchor="end")
    step = ceil((axes.last - axes.first) / 8)
    for exponent in range(int(axes.first), int(axes.last) + 1, step):
        x, _ = axes.at(2.0**exponent, 0)
        yield text(x, bottom + 18, f"{2**exponent:,}")
    yield path([(axes.left, TOP), (axes.left, bottom), (right, bottom)], INK, "", "", width=1)
    yield text(axes.left + PANEL_WIDTH / 2, bottom + 38, axes.title)
    yield text(axes.left, TOP - 8, "accuracy", anchor="start")


def band(axes: Panel, line: Line, x: Callable[[Row], float]) -> str:
    """The 95 % intervals of a line, as an area."""
    over = [axes.at(x(row), row.high) for row in line.rows]
    under = [axes.at(x(row), row.low) for row in reversed(line.rows)]
    return f"<polygon points='{points(over + under)}' fill='{line.colour}' opacity='0.12'/>"


def curve(axes: Panel, line: Line, x: Callable[[Row], float]) -> Iterator[str]:
    """A strategy's line, with a point and its figures for every budget."""
    places = [axes.at(x(row), row.accuracy) for row in line.rows]
    yield path(places, line.colour, line.dash, line.name)
    for (across, down), row in zip(places, line.rows, strict=True):
        told = (
            f"{row.strategy}, budget {row.budget}: {row.accuracy:.1%} [{row.low:.1%}, {row.high:.1%}], "
            f"{row.tokens:.0f} tokens"
        )
        yield (
            f"<circle cx='{across:.1f}' cy='{down:.1f}' r='3.5' fill='{line.colour}'>"
            f"<title>{escape(told)}</title></circle>"
        )


def oracle(axes: Panel, known: References) -> str:
    """What a judge that is never wrong would reach."""
    places = [axes.at(k, value) for k, value in sorted(known.oracle.items())]
    return path(places, INK, "1 3", "pass@k", width=1.5)


def legend(lines: Sequence[Line]) -> Iterator[str]:
    """Which line is which."""
    entries = [
        *((line.name, line.colour, line.dash) for line in lines),
        ("pass@1: one trace", INK, "4 4"),
        ("pass@k: a judge that is never wrong", INK, "1 3"),
        (f"shaded: 95 % interval of {MAJORITY}", FAINT, ""),
    ]
    for place, (name, colour, dash) in enumerate(entries):
        x = LEFT + place % COLUMNS * (WIDTH - LEFT) / COLUMNS
        y = HEIGHT + place // COLUMNS * ROW
        yield path([(x, y), (x + 26, y)], colour, dash, "")
        yield text(x + 32, y + 4, name, anchor="start")


def path(places: Sequence[Point], colour: str, dash: str, name: str, width: float = 2) -> str:
    """A line through some points."""
    dashed = f" stroke-dasharray='{dash}'" if dash else ""
    told = f"<title>{escape(name)}</title>" if name else ""
    return (
        f"<polyline points='{points(places)}' fill='none' stroke='{colour}' stroke-width='{width}'{dashed}>"
        f"{told}</polyline>"
    )


def points(places: Sequence[Point]) -> str:
    """Points as SVG spells them."""
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)


def text(x: float, y: float, words: str, anchor: str = "middle", size: int = 12) -> str:
    """Words at a place."""
    return (
        f"<text x='{x:.1f}' y='{y:.1f}' text-anchor='{anchor}' font-size='{size}' fill='{INK}'>"
        f"{escape(words)}</text>"
    )
