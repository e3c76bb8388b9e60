"""A hook of mkdocs: README and changelog become pages, links out of docs/ text, lists what GitHub sees."""

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]
BESIDE = {"README.md": "readme.md", "CHANGELOG.md": "changelog.md"}  # a README.md would become the index
_LINK = re.compile(r"(?<!!)\[([^\]]*)\]\((?!https?:|#)([^)#]+)(#[^)]*)?\)")
_COMMENT = re.compile(r"^ *<!-- (?:\[\[\[|fmt:).*-->\n", re.MULTILINE)
_FENCED = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
_LIST_AFTER_TEXT = re.compile(r"^((?![-*] |\d+\. | ).+\n)(?=[-*] |\d+\. )", re.MULTILINE)
_CONTINUED = re.compile(r"^  (?=\S)", re.MULTILINE)  # mkdocs wants four spaces


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that lie beside docs/."""
    for name, page in BESIDE.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / name)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Write each link for where its page stands in the site; one that leads out of it becomes text."""
    name = page.file.src_uri
    home = "" if name in BESIDE.values() else posixpath.join("docs", posixpath.dirname(name))
    place = posixpath.dirname(name) or "."

    def written(link: re.Match[str]) -> str:
        text, path, heading = link[1], link[2], link[3] or ""
        target = posixpath.normpath(posixpath.join(home, path))
        if target in BESIDE or target.startswith("docs/"):
            inside = BESIDE.get(target, target.removeprefix("docs/"))
            return f"[{text}]({posixpath.relpath(inside, place)}{heading})"
        return text if target in text else f"{text} (`{target}`)"

    pieces = _FENCED.split(_COMMENT.sub("\n", markdown))
    pieces[::2] = [_LINK.sub(written, _listed(text)) for text in pieces[::2]]
    return "".join(pieces)


def _listed(text: str) -> str:
    """Lists as GitHub reads them, written as mkdocs does."""
    return _CONTINUED.sub("    ", _LIST_AFTER_TEXT.sub(r"\1\n", text))
