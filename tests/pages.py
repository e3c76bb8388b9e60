"""The project's pages as readers see them: README, changelog, docs."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
PAGES = [README, ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md")), *DECISIONS]

_FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_GENERATED = re.compile(r"\[\[\[cog.*?\]\]\]", re.DOTALL)
_INLINE = re.compile(r"`([^`\n]+)`")


def name_of(page: Path) -> str:
    """A page's path, for a test's id."""
    return str(page.relative_to(ROOT))


def fenced(page: Path, language: str) -> list[str]:
    """The blocks of a language."""
    return [text for name, text in _FENCED.findall(page.read_text()) if name == language]


def code(page: Path) -> str:
    """All that stands as code, a piece a line."""
    text = _GENERATED.sub("", page.read_text())
    blocks = [block for _, block in _FENCED.findall(text)]
    return "\n".join([*blocks, *_INLINE.findall(_FENCED.sub("", text))])


def anchors(page: Path) -> set[str]:
    """What a link to a heading of the page may name."""
    headings = re.findall(r"^#+ (.+)$", _FENCED.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}
