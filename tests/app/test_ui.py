"""The files of the trace viewer: what is served, how, and what may not be in them."""

import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from app.factory import create_app
from app.routes.ui import FILES, TYPES
from workers.settings import Settings

ALL = sorted(path for path in FILES.rglob("*") if path.is_file())
OWN = [path for path in ALL if "vendor" not in path.parts]
SERVED = [path for path in ALL if path.suffix != ".md"]
NAMESPACE = "http://www.w3.org/2000/svg"
UNTRUSTED = re.compile(
    r"innerHTML|insertAdjacentHTML|document\.write|srcdoc|createContextualFragment|\beval\(|new Function"
)
MOST_LINES = 200


def name_of(path: Path) -> str:
    return path.relative_to(FILES).as_posix()


@pytest.fixture(scope="module")
def pages() -> FlaskClient:
    return create_app(Settings()).test_client()


@pytest.mark.parametrize("path", SERVED, ids=name_of)
def test_a_file_is_served_as_what_it_is_and_may_load_from_here_only(pages: FlaskClient, path: Path) -> None:
    with pages.get(f"/ui/{name_of(path)}") as answer:
        assert (answer.status_code, answer.mimetype) == (200, TYPES[path.suffix])
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
        assert "unsafe" not in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.data == path.read_bytes()


@pytest.mark.parametrize("address", ["/ui", "/ui/", "/ui/jobs/5d41402abc4b2a76b9719d911017c592"])
def test_an_address_that_is_no_file_is_the_page(pages: FlaskClient, address: str) -> None:
    with pages.get(address) as answer:
        assert answer.data == (FILES / "index.html").read_bytes()


@pytest.mark.parametrize(
    "address",
    [
        *("/ui/nothing.js", "/ui/../auth.py", "/ui/../routes/ui.py", "/ui/vendor/README.md"),
        *("/ui/%2e%2e/%2e%2e/README.md", "/ui/..%2f..%2fLICENSE.txt"),
        *("/ui/..\\..\\a.txt", "/ui/a%00.js"),
    ],
)
def test_nothing_else_is_served(pages: FlaskClient, address: str) -> None:
    answer = pages.get(address)
    assert (answer.status_code, answer.json["error"]["type"]) == (404, "invalid_request_error")


@pytest.mark.parametrize("path", OWN, ids=name_of)
def test_no_file_reads_text_as_html_or_names_another_host(path: Path) -> None:
    source = path.read_text()
    assert not UNTRUSTED.search(source)
    assert not re.findall(r"https?://[\w.]*\w\.\w", source.replace(NAMESPACE, ""))
    assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=\"|\sstyle=\"", source) or path.suffix == ".js"


@pytest.mark.parametrize("path", [path for path in OWN if path.suffix == ".js"], ids=name_of)
def test_a_program_stays_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MOST_LINES
