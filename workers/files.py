"""Uploaded files: compressed pieces in Redis for as long as they are kept, and whose they are."""

import time
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from workers import keys
from workers.json_fields import decode, encode
from workers.runs import Runs

PREFIX = "file-"
UNFINISHED_S = 600
NAMES_AT_ONCE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """An uploaded file. Times are seconds since the epoch."""

    id: str
    owner: str
    filename: str
    purpose: str
    size_bytes: int
    created_s: float
    expires_s: float


class Files:
    """The uploaded files of all owners, and the names of all files."""

    def __init__(self, runs: Runs) -> None:
        self.store = runs.store
        self.longest_s = runs.open_s

    def keep(self, file: File, pieces: Iterable[bytes]) -> None:
        """Write a file down; until its last piece is there it does not exist."""
        content, life_s = keys.file(file.id, "content"), round(file.expires_s - file.created_s)
        for piece in pieces:
            with self.store.pipeline(transaction=True) as pipe:
                pipe.rpush(content, zlib.compress(piece, 1))
                pipe.expire(content, UNFINISHED_S)
                pipe.execute()
        with self.store.pipeline(transaction=True) as pipe:
            pipe.expire(content, life_s)
            pipe.set(keys.file(file.id), encode(file), ex=life_s)
            pipe.set(keys.owner(file.id), file.owner, ex=2 * self.longest_s)
            pipe.execute()
        self.name(file.owner, file.id, file.created_s)

    def name(self, owner: str, file_id: str, created_s: float) -> None:
        """List a file among its owner's."""
        with self.store.pipeline(transaction=False) as pipe:
            pipe.zadd(keys.files(owner), {file_id: created_s}, nx=True)
            pipe.zremrangebyscore(keys.files(owner), 0, time.time() - 2 * self.longest_s)
            pipe.expire(keys.files(owner), 2 * self.longest_s)
            pipe.execute()

    def owner(self, file_id: str) -> str | None:
        """Whose file it is, also when it is gone; None for one that was never there."""
        found = self.store.get(keys.owner(file_id))
        return None if found is None else found.decode()

    def file(self, file_id: str) -> File | None:
        """An uploaded file; None when it was deleted or has expired."""
        raw = self.store.get(keys.file(file_id))
        return decode(raw, File) if raw else None

    def content(self, file_id: str) -> Iterator[bytes]:
        """What is in it, a piece at a time."""
        place = 0
        while (piece := self.store.lindex(keys.file(file_id, "content"), place)) is not None:
            yield zlib.decompress(piece)
            place += 1

    def names(self, owner: str, *, after: str = "", newest_first: bool = True) -> Iterator[str]:
        """The ids of an owner's files after one of them. Raises KeyError when that is none of them."""
        name = keys.files(owner)
        rank, listed = (
            (self.store.zrevrank, self.store.zrevrange)
            if newest_first
            else (self.store.zrank, self.store.zrange)
        )
        place = rank(name, after) if after else -1
        if place is None:
            raise KeyError(after)
        while found := listed(name, place + 1, place + NAMES_AT_ONCE):
            place += len(found)
            yield from (file_id.decode() for file_id in found)

    def delete(self, file: File) -> None:
        """Forget a file; that it has been stays known."""
        self.store.delete(keys.file(file.id), keys.file(file.id, "content"))
        self.unname(file.owner, file.id)

    def unname(self, owner: str, file_id: str) -> None:
        """List a file no more."""
        self.store.zrem(keys.files(owner), file_id)


def lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """A file's lines without their ends, whatever the pieces it comes in."""
    rest: list[bytes] = []
    for piece in pieces:
        first, *others = piece.split(b"\n")
        rest.append(first)
        for line in others:
            yield b"".join(rest)
            rest = [line]
    if any(rest):
        yield b"".join(rest)
