"""Uploaded files in the store."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers import keys
from workers.files import File, Files, lines
from workers.runs import Runs


@given(st.lists(st.binary()), st.integers(1, 20))
def test_lines_are_the_same_whatever_the_pieces(parts: list[bytes], size: int) -> None:
    whole = b"\n".join(parts)
    pieces = [whole[start : start + size] for start in range(0, len(whole), size)]
    expected = whole.split(b"\n")
    assert list(lines(pieces)) == (expected if expected[-1] else expected[:-1])


def test_a_file_whose_upload_broke_off_does_not_exist(runs: Runs) -> None:
    def broken() -> Any:
        yield b"half"
        raise ConnectionError

    file = File(
        id="file-1", owner="me", filename="f", purpose="batch", size_bytes=8, created_s=0.0, expires_s=60.0
    )
    files = Files(runs)
    with pytest.raises(ConnectionError):
        files.keep(file, broken())
    assert files.file("file-1") is None
    assert list(files.names("me")) == []
    assert runs.store.ttl(keys.file("file-1", "content")) > 0
