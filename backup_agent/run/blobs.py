"""Blobs: taken from the space where they are, fetched many at once where not, each proved by its hash.

One bad blob never stops the others.
"""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import Collection, Iterable, Mapping
from contextlib import aclosing, suppress
from functools import partial
from typing import IO

from backup_agent.errors import AgentError, HostError
from backup_agent.run.context import Run
from backup_agent.run.journal import Journal, StoredBlob
from backup_agent.run.staging import Staging
from backup_agent.snapshot.certificate import MAX_MISSING
from pail import CID, RAW, PailError, run
from pail.unixfs import CHUNK_BYTES, FileWriter, leaves
from space import CorruptBlock, SpaceError
from space.guard import guarded

MAX_AT_ONCE = 8
"""Blobs under way from one host; a PDS allows 3,000 requests in five minutes."""

SPOOL_BYTES = 1 << 20
"""A blob up to this size stays in memory until it is proved; a larger one waits in the cache (a system's own
temporary folder may be memory)."""

FLUSH_BYTES = 32 << 20
"""Staged bytes after which proved blobs are made durable, so that a killed run keeps them."""


MAX_CAUSE_BYTES = 140
"""So that a certificate of MAX_MISSING causes is still one block."""


class WrongBytes(AgentError):
    """The host sent something else under the blob's name; it may do better next time."""

    transient = True

    def __init__(self) -> None:
        super().__init__("the host sent bytes that do not hash to the blob's CID")


class BlobIntake:
    """Brings blobs into the space, as UnixFS files."""

    def __init__(self, run_: Run, staging: Staging, roots: Mapping[CID, CID]) -> None:
        """roots: where blobs may be in the space; like the journal's word it is proved before it counts."""
        self._run, self._staging, self._roots = run_, staging, roots
        self.journal = Journal(run_.journal)
        self.stored: dict[CID, StoredBlob] = {}
        """Every blob taken in, by the CID that records link."""
        self._unjournalled: list[StoredBlob] = []

    async def get(self, wanted: Iterable[CID]) -> dict[CID, str]:
        """Take in each of `wanted`; what the space has already is not fetched.

        Returns the blobs that could not be had, each with its cause as the host gave it.
        """
        queue = sorted(wanted, reverse=True)
        missing: dict[CID, str] = {}
        self._run.progress.phase("Fetching blobs", len(queue))
        known = {**self._roots, **self.journal.read()} if queue else {}

        async def work() -> None:
            while queue:
                cid = queue.pop()
                try:
                    self._keep(self._already_here(cid, known.get(cid)) or await self._fetch(cid))
                except AgentError as error:
                    missing[cid] = _brief(error)
                    self._check_number(missing)
                self._run.progress.advance(1)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(MAX_AT_ONCE, len(queue))):
                    group.create_task(work())
        except BaseExceptionGroup as group:
            self._keep_proved()
            raise group.exceptions[0] from None
        except BaseException:  # whatever ends the run, what is proved need not be fetched again
            self._keep_proved()
            raise
        return missing

    def _check_number(self, missing: Collection[CID]) -> None:
        if len(missing) > MAX_MISSING:
            why = f"it does not give more than {MAX_MISSING:,} of the account's blobs; nothing was recorded"
            raise HostError(self._run.source.host, why)

    def _already_here(self, cid: CID, noted: CID | None) -> StoredBlob | None:
        """The blob if the space has it whole: read and hashed, whatever is `noted` of its root."""
        root = noted or cid
        if (root.codec == RAW and root != cid) or not self._staging.has([root]):
            return None
        digest = hashlib.sha256()
        try:
            size_bytes = run(leaves(root, digest.update), self._staging.get)
        except PailError:
            return None
        except CorruptBlock as loss:  # others may be damaged too: none of them counts from now on
            self._run.space.doubt(loss)
            return None
        proved = cid.multihash == b"\x12\x20" + digest.digest() and (root != cid or size_bytes <= CHUNK_BYTES)
        return StoredBlob(cid, root, size_bytes) if proved else None

    async def _fetch(self, cid: CID) -> StoredBlob:
        with await self._run.source.retry.run(partial(_download, self._run, cid)) as file:
            return _store(cid, file, self._staging)

    def _keep(self, blob: StoredBlob) -> None:
        self.stored[blob.cid] = blob
        self._unjournalled.append(blob)
        if self._staging.staged_bytes >= FLUSH_BYTES:
            self._flush()

    def _keep_proved(self) -> None:
        """As best as can be, since the run has failed for another reason."""
        if self._unjournalled:
            with suppress(SpaceError):
                self._flush()

    def _flush(self) -> None:
        self._staging.flush()
        self.journal.append(self._unjournalled)
        self._unjournalled.clear()


def _brief(error: AgentError) -> str:
    """The cause as a certificate has room for it."""
    return str(error).encode()[:MAX_CAUSE_BYTES].decode(errors="ignore")


async def _download(run_: Run, cid: CID) -> IO[bytes]:
    """The blob's bytes, proved, in a file that the caller closes."""
    digest = hashlib.sha256()
    file = tempfile.SpooledTemporaryFile(SPOOL_BYTES, dir=str(run_.journal.parent))  # noqa: SIM115
    try:
        async with aclosing(run_.source.blob(run_.account, cid)) as chunks:
            async for chunk in chunks:
                digest.update(chunk)
                with guarded("keeping a blob until it is proved"):
                    file.write(chunk)
                run_.progress.advance(size_bytes=len(chunk))
        if cid.multihash != b"\x12\x20" + digest.digest():
            raise WrongBytes
    except BaseException:
        file.close()
        raise
    return file


def _store(cid: CID, file: IO[bytes], staging: Staging) -> StoredBlob:
    writer = FileWriter()
    size_bytes = file.tell()
    file.seek(0)
    while chunk := file.read(CHUNK_BYTES):
        staging.put_many(writer.write(chunk))
    staging.put_many(writer.close())
    return StoredBlob(cid, writer.root.cid, size_bytes)
