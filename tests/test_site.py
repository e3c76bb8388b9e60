"""The site of `make site` has every page, and is read without a server and without a network."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from pages import PAGES, README, ROOT

DOCS = ROOT / "docs"
BESIDE = {README: "readme.html", ROOT / "CHANGELOG.md": "changelog.html"}
ILLUSTRATED = ["viewer.md", "results.md"]
_ASKED_BY_STYLE = re.compile(r"(?:url\(|@import)\s*[\"']?((?:https?:)?//[^\"')\s]+)")


class Read(HTMLParser):
    """What a page loads by itself, and what it links to."""

    def __init__(self, page: Path) -> None:
        """Read the page."""
        super().__init__()
        self.loaded: list[str] = []
        self.linked: list[str] = []
        self.feed(page.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Only an <a> waits to be clicked."""
        kept = self.linked if tag == "a" else self.loaded
        kept += [value for name, value in attrs if name in {"href", "src", "srcset", "data"} and value]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--config-file", "docs/site/mkdocs.yml"]
    done = subprocess.run(
        [*command, "--site-dir", str(built)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return built


def pages_of(site: Path) -> list[Path]:
    """The pages that are read as files; a server alone shows the 404."""
    return [page for page in sorted(site.rglob("*.html")) if page.name != "404.html"]


def built_from(page: Path) -> str:
    """The path of a page in the site."""
    return BESIDE.get(page) or str(page.relative_to(DOCS).with_suffix(".html"))


def here(page: Path, link: str) -> Path:
    """The file that a link means when the page is opened as a file."""
    return page.parent / unquote(urlsplit(link).path) if urlsplit(link).path else page


def test_every_page_is_in_the_navigation(site: Path) -> None:
    assert {built_from(page) for page in PAGES} <= set(Read(site / "index.html").linked)


def test_no_page_loads_anything_from_another_host(site: Path) -> None:
    loaded = {link for page in site.rglob("*.html") for link in Read(page).loaded}
    assert not {link for link in loaded if urlsplit(link).netloc}


def test_no_style_and_no_picture_loads_anything_from_another_host(site: Path) -> None:
    files = [file for kind in ("*.css", "*.svg", "*.html") for file in site.rglob(kind)]
    assert not {url for file in files for url in _ASKED_BY_STYLE.findall(file.read_text())}


def test_every_link_and_every_file_of_a_page_is_there_without_a_server(site: Path) -> None:
    for page in pages_of(site):
        read = Read(page)
        near = [link for link in read.loaded + read.linked if not urlsplit(link).scheme]
        assert not [link for link in near if not here(page, link).is_file()], page


@pytest.mark.parametrize("name", ILLUSTRATED)
def test_the_pictures_of_a_page_come_along(site: Path, name: str) -> None:
    pictures = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", (DOCS / name).read_text())
    assert pictures
    assert set(pictures) <= set(Read(site / built_from(DOCS / name)).loaded)


def test_no_mark_of_a_generator_is_shown(site: Path) -> None:
    assert not [page for page in pages_of(site) if "<!-- [[[" in page.read_text()]
