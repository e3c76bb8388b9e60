"""docs/benchmarks.md: sections that are measured apart; each run replaces its own and keeps the others."""

import re
from pathlib import Path

PAGE = Path("docs/benchmarks.md")
LOADS, SAVINGS, SCALING, OVERLOAD, REPLAY = "loads", "savings", "workers", "overload", "replay"
MISSING = {
    LOADS: "## Loads\n\nNot measured yet: `python -m bench`.",
    SAVINGS: "## Savings\n\nNot measured yet: `python -m bench --savings`.",
    SCALING: "## Workers\n\nNot measured yet: `python -m bench --scaling`.",
    OVERLOAD: "## Overload\n\nNot measured yet: `python -m bench --overload`.",
    REPLAY: "## Replay\n\nNot measured yet: `python -m bench --replay DIR`.",
}
SECTION = re.compile(r"<!-- (\w+) -->\n(.*?)\n<!-- end of \1 -->", re.DOTALL)


def put(page: Path, name: str, text: str) -> None:
    """Write a section."""
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(replaced(page.read_text() if page.exists() else "", name, text))


def replaced(page: str, name: str, text: str) -> str:
    """The page with one section in place of the old one."""
    sections = MISSING | dict(SECTION.findall(page)) | {name: text.strip()}
    marked = [f"<!-- {key} -->\n{sections[key]}\n<!-- end of {key} -->" for key in MISSING]
    return "\n\n".join(["# Benchmarks", *marked]) + "\n"
