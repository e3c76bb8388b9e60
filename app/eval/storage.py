"""Pools of traces as they are kept: a directory with what was asked, and a line for each problem."""

import gzip
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from app.eval.problems import DataError, Problem

ASKED, POOL, LIVE = "eval.json", "pool.jsonl", "live.jsonl"
PACKED = ".gz"
HEADER = "eval"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What all problems of a pool are asked with: `body` is what every job has in common."""

    budget: int
    body: Mapping[str, Any]
    prompt: str
    answer_format: str = ""

    @property
    def model(self) -> str:
        """The model that is asked."""
        return str(self.body["model"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """One problem's traces as the service told them, in sampling order."""

    problem: Problem
    job_id: str
    traces: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Stored:
    """What is stored in a place: what was asked, each problem's pool, and lines of live runs."""

    asked: Asked
    pools: Mapping[str, Pool] = field(default_factory=dict)
    live: tuple[Mapping[str, Any], ...] = ()


def open_store(out: Path, asked: Asked) -> Stored:
    """What `out` holds of this evaluation; the directory is made when there is none. Raises DataError when
    it holds another one's, naming what differs."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{out} cannot be written: {error}.") from error
    if not (out / ASKED).exists():
        if (out / POOL).exists():
            raise DataError(f"{out} has a {POOL} but no {ASKED}: choose another --out.")
        write(out / ASKED, json.dumps(asdict(asked), indent=2) + "\n")
    stored = read_store(out)
    if differing := differences(asdict(stored.asked), asdict(asked)):
        raise DataError(
            f"{out} holds traces that were asked otherwise ({'; '.join(differing)}). Choose another "
            f"--out, or look at what it holds: chorus replay {out}"
        )
    return stored


def differences(before: Mapping[str, Any], now: Mapping[str, Any], within: str = "") -> list[str]:
    """What differs between two sets of parameters, in words."""
    found: list[str] = []
    for name in sorted({*before, *now}):
        one, other = before.get(name), now.get(name)
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            found += differences(one, other, f"{within}{name}.")
        elif one != other:
            found.append(f"{within}{name}: {one!r} then, {other!r} now")
    return found


def read_store(place: Path) -> Stored:
    """What a directory holds, or a single file of exported traces. Raises DataError."""
    if place.is_file():
        return read_export(place)
    asked = asked_in(place / ASKED, text_of(place / ASKED))
    return Stored(asked, pools_in(place / POOL), tuple(lines_of(place / LIVE)))


def read_export(path: Path) -> Stored:
    """A file whose first line says what was asked. Raises DataError."""
    first, *rest = lines_of(path) or [{}]
    if HEADER not in first:
        raise DataError(f"{path} is no pool of traces: its first line has no {HEADER!r}.")
    pools = [pool_of(path, row) for row in rest]
    return Stored(asked_in(path, json.dumps(first[HEADER])), {pool.problem.id: pool for pool in pools})


def export(stored: Stored, path: Path, *, texts: bool = True) -> None:
    """Write a store as one file, packed when its name ends in .gz; `texts`: with what the traces say."""
    rows = [{HEADER: asdict(stored.asked)}, *(line_of(pool, texts=texts) for pool in stored.pools.values())]
    content = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == PACKED else content)


def keep(out: Path, pool: Pool) -> None:
    """Store one problem's traces at once: what is returned from is on the disk."""
    append(out / POOL, line_of(pool))


def line_of(pool: Pool, *, texts: bool = True) -> dict[str, Any]:
    """A pool as it is written."""
    told = {} if texts else {"text": None, "reasoning": None}
    traces = [{**trace, **told} for trace in pool.traces]
    return {"problem": asdict(pool.problem), "job_id": pool.job_id, "traces": traces}


def append(path: Path, row: Mapping[str, Any]) -> None:
    """Add a line to a file whose last line may have been broken off by a crash."""
    line = json.dumps(row, ensure_ascii=False).encode() + b"\n"
    with path.open("ab+") as file:
        if file.tell():
            file.seek(-1, os.SEEK_END)
            line = line if file.read(1) == b"\n" else b"\n" + line
        file.write(line)
        file.flush()
        os.fsync(file.fileno())


def write(path: Path, text: str) -> None:
    """Put a whole file in its place, or none of it."""
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)


def pools_in(path: Path) -> dict[str, Pool]:
    """The pools of a file by problem."""
    return {pool.problem.id: pool for pool in (pool_of(path, row) for row in lines_of(path))}


def lines_of(path: Path) -> list[dict[str, Any]]:
    """The objects in a file's lines; none when there is no file. A line that a crash broke off counts as
    never written."""
    return list(whole_lines(path)) if path.exists() else []


def whole_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Those of them that are whole. Raises DataError for a file that cannot be read."""
    for line in text_of(path).split("\n"):
        try:
            found = json.loads(line)
        except ValueError:
            continue
        if isinstance(found, dict):
            yield found


def text_of(path: Path) -> str:
    """What a file says, unpacked. Raises DataError."""
    try:
        content = path.read_bytes()
        return (gzip.decompress(content) if path.suffix == PACKED else content).decode()
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}. `chorus eval` writes such a place.") from error


def asked_in(path: Path, text: str) -> Asked:
    """What was asked. Raises DataError."""
    try:
        return Asked(**json.loads(text))
    except (ValueError, TypeError) as error:
        raise DataError(f"{path} does not say what was asked: {error}.") from error


def pool_of(path: Path, row: Mapping[str, Any]) -> Pool:
    """A stored line as a pool. Raises DataError."""
    try:
        return Pool(problem=Problem(**row["problem"]), job_id=row["job_id"], traces=tuple(row["traces"]))
    except (KeyError, TypeError) as error:
        raise DataError(f"{path} has a line that is no pool of traces: {error!r}.") from error
