"""What is written down of a batch, and read back by web and workers."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec
import numpy as np

from tts_core.model import Request, Usage
from workers.json_fields import decode, encode

FILES = ("output", "errors")
NOTED = ("cancelling", "finalizing", "ended", "end", "usage")
PREFIX = "batch_"


class End(StrEnum):
    """How a batch ended."""

    COMPLETED = "completed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class Problem(NamedTuple):
    """What is wrong with an input file; `line` counts from 1."""

    code: str
    message: str
    line: int | None = None
    param: str | None = None


class Line(NamedTuple):
    """A line that can be run: the request, and how its answer is to be rendered."""

    request: Request
    shown: Mapping[str, Any]


class Refused(NamedTuple):
    """A line that is not run, and what a synchronous request would have been answered."""

    status: int
    body: Mapping[str, Any]


class Entry(NamedTuple):
    """A line of the input under its client's name. `traces` is how many it may ask for at most."""

    custom_id: str
    packed: bytes = b""
    refused: Refused | None = None
    traces: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A batch as it was handed in. Times are seconds since the epoch; its files are kept for `keep_s`
    after its end. One whose input file has `problems` has failed and has no lines. `webhook`: the
    endpoint that is told of the end, a name or a URL."""

    id: str
    owner: str
    input_file_id: str
    endpoint: str
    created_s: float
    expires_s: float
    keep_s: int
    total: int = 0
    metadata: Mapping[str, str] | None = None
    problems: tuple[Problem, ...] = ()
    webhook: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """The lines of a batch in their order: their clients' names and the traces they ask for."""

    custom_ids: tuple[str, ...]
    traces: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """A batch as it stands: how many of its lines have ended how, and what was noted of it. Times are
    seconds since the epoch. `sizes_bytes` of its files are known once they have been read."""

    batch: Batch
    completed: int
    failed: int
    cancelling: float | None = None
    finalizing: float | None = None
    ended: float | None = None
    end: End | None = None
    usage: Usage | None = None
    sizes_bytes: Mapping[str, int] = field(default_factory=dict)
    deleted: frozenset[str] = frozenset()

    @classmethod
    def of(cls, fields: Mapping[str, bytes], completed: int, failed: int) -> "State":
        """The state in the fields of a batch's hash."""
        batch = decode(fields["batch"], Batch)
        if "ended" in fields:
            failed = batch.total - completed
        noted = {name: msgspec.json.decode(fields[name]) for name in NOTED if name in fields}
        return cls(
            batch=batch,
            completed=completed,
            failed=failed,
            end=End(noted.pop("end")) if "end" in noted else None,
            usage=Usage(**noted.pop("usage")) if "usage" in noted else None,
            sizes_bytes={name: int(fields[f"size:{name}"]) for name in FILES if f"size:{name}" in fields},
            deleted=frozenset(name for name in FILES if f"deleted:{name}" in fields),
            **noted,
        )

    @property
    def files(self) -> dict[str, str]:
        """The ids of the files it has come to have, by what is in them."""
        return files_of(self.batch, self.completed) if self.ended else {}


class Bits(NamedTuple):
    """Which lines have begun, and how those ended that have; one boolean a line."""

    begun: np.ndarray
    completed: np.ndarray
    failed: np.ndarray

    @property
    def running(self) -> list[int]:
        """The lines that have begun and not ended."""
        return indexes(self.begun & ~self.completed & ~self.failed)

    @property
    def waiting(self) -> list[int]:
        """The lines that have not begun."""
        return indexes(~self.begun)


def indexes(chosen: np.ndarray) -> list[int]:
    """Where an array is true."""
    found: list[int] = np.flatnonzero(chosen).tolist()
    return found


def run_of(batch_id: str, index: int) -> str:
    """The id of the run of a line."""
    return sha256(f"{batch_id}:{index}".encode()).hexdigest()[:32]


def files_of(batch: Batch, completed: int) -> dict[str, str]:
    """The ids of a batch's files by what is in them, with so many lines completed of all."""
    lines = {"output": completed, "errors": batch.total - completed}
    return {name: file_of(batch.id, name) for name in FILES if lines[name]}


def file_of(batch_id: str, name: str) -> str:
    """The id of a batch's file of this name."""
    return f"file-{batch_id.removeprefix(PREFIX)}-{name}"


def batch_of(file_id: str) -> tuple[str, str]:
    """The batch whose file this is, and the file's name; two empty strings for one of no batch."""
    number, dash, name = file_id.removeprefix("file-").partition("-")
    return (PREFIX + number, name) if dash and name in FILES else ("", "")


def packed(line: Line) -> bytes:
    """A line as it is kept until it begins."""
    return zlib.compress(encode(line), 1)


def unpacked(raw: bytes | None, total: int) -> np.ndarray:
    """A bitmap of Redis, whose first bit is the highest of its first byte, as booleans."""
    whole = (raw or b"").ljust(total // 8 + 1, b"\0")
    return np.unpackbits(np.frombuffer(whole, np.uint8), count=total).astype(bool)
