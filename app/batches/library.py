"""Files as clients see them: those they uploaded, and those that batches have come to have."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any, BinaryIO
from uuid import uuid4

from app.batches.lines import BatchLines
from tts_core.errors import JobGone, UnknownJob
from workers.access import Allowance
from workers.admission import Admission, Claim
from workers.answering import answering
from workers.batch import Batch, Entry, State, batch_of, indexes
from workers.batches import Batches
from workers.client import Client
from workers.files import PREFIX, File, Files
from workers.queues import BATCH

PIECE_BYTES = 256 * 1024
OUTPUT = "batch_output"


class Library:
    """All files of all owners."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.files = Files(client.runs)
        self.batches = Batches(client.runs)
        lines = client.settings.max_waiting_lines
        self.admission = Admission(client.store, BATCH, lambda: lines)

    @answering()
    def add(self, batch: Batch, entries: Sequence[Entry], allowed: Allowance) -> None:
        """Take a batch in, with all its lines. Raises what Admission.admit raises."""
        now = replace(allowed, tokens_per_minute=None)  # its lines wait for their turn anyhow
        if entries:
            self.admission.admit(Claim(batch.id, batch.owner, len(entries), batch.expires_s, now))
        self.batches.add(batch, entries)

    @answering()
    def upload(self, owner: str, stream: BinaryIO, facts: Mapping[str, Any]) -> File:
        """Keep an upload: `facts` are its filename, purpose, size_bytes and, maybe, keep_s."""
        now_s = time.time()
        longest_s = self.client.settings.job_ttl_s
        file = File(
            id=f"{PREFIX}{uuid4().hex}",
            owner=owner,
            filename=facts["filename"],
            purpose=facts["purpose"],
            size_bytes=facts["size_bytes"],
            created_s=now_s,
            expires_s=now_s + min(facts.get("keep_s", longest_s), longest_s),
        )
        self.files.keep(file, iter(partial(stream.read, PIECE_BYTES), b""))
        return file

    @answering()
    def find(self, file_id: str, owner: str) -> File | tuple[State, str]:
        """An uploaded file, or a batch and the name of one of its files.

        Raises UnknownJob, or JobGone when it was deleted or has expired.
        """
        batch_id, name = batch_of(file_id)
        is_file = file_id.startswith(PREFIX)
        if not is_file or (self.batches if batch_id else self.files).owner(batch_id or file_id) != owner:
            raise unknown(file_id)
        found = self.of_batch(batch_id, name, file_id) if batch_id else self.files.file(file_id)
        if found is None:
            raise JobGone(f"The file {file_id!r} was deleted, or its time is over.", code="file_gone")
        return found

    def of_batch(self, batch_id: str, name: str, file_id: str) -> tuple[State, str] | None:
        """The file of a batch; None when it is gone. Raises UnknownJob for one that is not there yet."""
        state = self.batches.state(batch_id)
        if state is None or name in state.deleted:
            return None
        if name not in state.files:
            raise unknown(file_id)
        return state, name

    def content(self, file_id: str, owner: str) -> Iterator[bytes]:
        """What is in a file, piece by piece. Raises UnknownJob, JobGone or Overloaded."""
        match self.find(file_id, owner):
            case File(id=uploaded):
                return self.uploaded(uploaded)
            case (state, name):
                return self.measured(state, name)
        raise unknown(file_id)

    def uploaded(self, file_id: str) -> Iterator[bytes]:
        """The content of an upload."""
        with answering():
            yield from self.files.content(file_id)

    def measured(self, state: State, name: str) -> Iterator[bytes]:
        """The lines of a batch's file; how long it is is written down in the end."""
        size_bytes = 0
        for line in BatchLines(self.client, self.batches, state).read(name):
            size_bytes += len(line)
            yield line
        with answering():
            self.batches.measured(state.batch.id, name, size_bytes)

    def shown(self, file_id: str, owner: str) -> dict[str, Any]:
        """The file object; a batch's file is read through if it never was. Raises UnknownJob, JobGone."""
        found = self.find(file_id, owner)
        if isinstance(found, File):
            return uploaded_object(found)
        state, name = found
        if name not in state.sizes_bytes:
            size_bytes = sum(map(len, self.measured(state, name)))
            return batch_object(file_id, state, name) | {"bytes": size_bytes}
        return batch_object(file_id, state, name)

    @answering()
    def page(self, owner: str, asked: Mapping[str, Any]) -> tuple[list[dict[str, Any]], bool]:
        """An owner's files after one of them, and whether there are more."""
        try:
            found = list(islice(self.listed(owner, asked), asked["limit"] + 1))
        except KeyError as error:
            raise unknown(asked["after"], "after") from error
        return found[: asked["limit"]], len(found) > asked["limit"]

    def listed(self, owner: str, asked: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """An owner's files of the purpose that is asked for. Raises KeyError."""
        newest_first = asked["order"] == "desc"
        for file_id in self.files.names(owner, after=asked["after"], newest_first=newest_first):
            batch_id, _ = batch_of(file_id)
            if asked["purpose"] in ("", OUTPUT if batch_id else "batch"):
                yield from self.entry(file_id, owner)

    def entry(self, file_id: str, owner: str) -> Iterator[dict[str, Any]]:
        """A file as a list shows it, unless it is gone."""
        try:
            found = self.find(file_id, owner)
        except UnknownJob:
            return
        yield uploaded_object(found) if isinstance(found, File) else batch_object(file_id, *found)

    @answering()
    def delete(self, file_id: str, owner: str) -> None:
        """Forget a file, a batch's with the runs that are in it. Raises UnknownJob, JobGone."""
        found = self.find(file_id, owner)
        if isinstance(found, File):
            self.files.delete(found)
            return
        state, name = found
        completed = self.batches.bits(state.batch).completed
        lines = indexes(completed if name == "output" else ~completed)
        self.batches.delete_file(state.batch, name, lines)
        self.files.unname(owner, file_id)


def uploaded_object(file: File) -> dict[str, Any]:
    """OpenAI's file object of an upload."""
    return {
        "id": file.id,
        "object": "file",
        "bytes": file.size_bytes,
        "created_at": int(file.created_s),
        "expires_at": int(file.expires_s),
        "filename": file.filename,
        "purpose": file.purpose,
        "status": "processed",
    }


def batch_object(file_id: str, state: State, name: str) -> dict[str, Any]:
    """OpenAI's file object of a batch's file; its size is 0 until somebody has read it."""
    ended_s = state.ended or 0.0
    return {
        "id": file_id,
        "object": "file",
        "bytes": state.sizes_bytes.get(name, 0),
        "created_at": int(ended_s),
        "expires_at": int(ended_s + state.batch.keep_s),
        "filename": f"{state.batch.id}_{name}.jsonl",
        "purpose": OUTPUT,
        "status": "processed",
    }


def unknown(file_id: str, param: str | None = None) -> UnknownJob:
    """There is no such file for this caller."""
    return UnknownJob(f"There is no file {file_id[:80]!r}.", code="file_not_found", param=param)
