"""Verifying a snapshot: everything is read and hashed again, and held against the certificate."""

from __future__ import annotations

import hashlib
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from backup_agent.atproto.did_document import decode_did_document
from backup_agent.atproto.errors import AtprotoError
from backup_agent.atproto.plc import verify_plc_log
from backup_agent.atproto.repo import verify_repo
from backup_agent.catalogue import Entry, Snapshot, read_snapshot
from backup_agent.errors import SealedForOthers
from backup_agent.progress import Progress
from backup_agent.sealing import AGE_HEADER, unseal
from backup_agent.snapshot import decode_identity
from pail import CID, DecodeError, PailError, Reader, fetch, parse_cid, run
from pail.map import entries
from pail.unixfs import leaves
from space import SpaceError, SpaceUnavailable
from ucan import Signer

MAX_PROBLEMS = 1000
"""Problems that are named; a snapshot with more is lost as a whole."""


@dataclass(slots=True)
class Verification:
    """What was found: the snapshot is whole if all was read without problems and nothing was missing."""

    records: int = 0
    blobs: int = 0
    blob_bytes: int = 0
    size_bytes: int = 0
    """Of all blocks read."""
    missing: dict[str, str] = field(default_factory=dict[str, str])
    """Blobs that the certificate says were missing, with their causes."""
    problems: list[str] = field(default_factory=list[str])
    """What does not hold, a sentence each."""
    unread: str | None = None
    """Why the space could not be read any further: what was not read may be whole."""

    @contextmanager
    def trying(self, what: str) -> Generator[None]:
        """What goes wrong inside becomes a problem of `what`, and the verification goes on.

        Raises SpaceUnavailable: that is no problem of the snapshot.
        """
        try:
            yield
        except SpaceUnavailable:
            raise
        except (PailError, SpaceError, AtprotoError) as error:
            self.problem(f"{what}: {error}")

    def problem(self, sentence: str) -> None:
        """Note a problem."""
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(sentence)

    def expect(self, what: str, certified: object, found: object) -> None:
        """Note a problem unless what was certified was found."""
        if certified != found:
            self.problem(f"{what}: the certificate says {certified}, found {found}")


class FileHash(NamedTuple):
    """What a stored file was read as. sha256: of its whole content."""

    sha256: bytes
    size_bytes: int


def verify_snapshot(
    entry: Entry, get: Reader, signer: Signer, progress: Progress, files: dict[CID, FileHash] | None = None
) -> Verification:
    """Read and check everything that the snapshot of `entry` holds.

    signer: opens private data that was sealed to it. Nothing outside of the space is asked.
    files: what was read just now, by root, to which is added: a blob that snapshots share is read once.
    It ends where the space cannot be read.
    """
    result = Verification()

    def counted(cids: Any) -> Any:
        blocks = get(cids)
        size_bytes = sum(map(len, blocks))
        result.size_bytes += size_bytes
        progress.advance(len(blocks), size_bytes)
        return blocks

    progress.phase(f"Verifying {entry.timestamp}")
    try:
        with result.trying("the Backup"):
            snapshot = run(read_snapshot(entry.cid), counted)
            _Verifier(entry, snapshot, counted, signer, result, {} if files is None else files).verify()
    except SpaceUnavailable as error:
        result.unread = str(error)
    return result


class _Verifier:
    def __init__(
        self,
        entry: Entry,
        snapshot: Snapshot,
        get: Reader,
        signer: Signer,
        result: Verification,
        files: dict[CID, FileHash],
    ) -> None:
        self._entry, self._snapshot, self._get, self._signer = entry, snapshot, get, signer
        self._result, self._files = result, files
        self._linked: set[CID] = set()

    def verify(self) -> None:
        backup, certificate = self._snapshot.backup, self._snapshot.certificate
        self._result.missing = certificate.missing
        if self._snapshot.doubt:
            self._result.problem(f"the certificate: {self._snapshot.doubt}")
        if (backup.account, backup.created_at) != (self._entry.account, self._entry.timestamp):
            self._result.problem("the Backup: its key in the pail is another snapshot's")
        with self._result.trying("the identity"):
            self._verify_identity()
        with self._result.trying("the repository"):
            self._verify_repository()
        with self._result.trying("the list of blobs"):
            self._verify_blobs()
        with self._result.trying("the preferences"):
            self._verify_sealed()

    def _verify_identity(self) -> None:
        did = self._snapshot.backup.account
        identity = decode_identity(self._read(self._snapshot.backup.identity))
        document = decode_did_document(did, self._read(identity.did_document))
        self._result.expect("the signing key", self._snapshot.certificate.signing_key, document.signing_key)
        if identity.plc_log is not None:
            verify_plc_log(did, self._read(identity.plc_log))

    def _verify_repository(self) -> None:
        backup, certificate = self._snapshot.backup, self._snapshot.certificate
        walk = verify_repo(
            backup.repo,
            did=backup.account,
            signing_key=certificate.signing_key,
            visit_blob=lambda blob: self._linked.add(blob.cid),
        )
        proof = run(walk, self._get)
        self._result.records = proof.records
        self._result.expect("the number of records", certificate.records, proof.records)
        self._result.expect("the revision", backup.rev, proof.commit.rev)

    def _verify_blobs(self) -> None:
        held = run(entries(self._snapshot.backup.blobs), self._get)
        certificate = self._snapshot.certificate
        for name, root in held:
            with self._result.trying(f"blob {name}"):
                self._result.blob_bytes += self._verify_blob(parse_cid(name), root)
                self._result.blobs += 1
        known = {name for name, _ in held} | certificate.missing.keys()
        for cid in sorted(self._linked):
            if str(cid) not in known:
                self._result.problem(
                    f"blob {cid}: a record links it, but the snapshot neither has it nor says why not"
                )
        self._result.expect("the number of blobs", certificate.blobs, len(held))
        if self._result.blobs == len(held):
            self._result.expect("the bytes of all blobs", certificate.blob_bytes, self._result.blob_bytes)

    def _verify_blob(self, cid: CID, root: CID) -> int:
        if root not in self._files:
            digest = hashlib.sha256()
            size_bytes = run(leaves(root, digest.update), self._get)
            self._files[root] = FileHash(digest.digest(), size_bytes)
        found = self._files[root]
        if cid.multihash[2:] != found.sha256:
            raise DecodeError("what is stored under its name hashes to something else")
        return found.size_bytes

    def _verify_sealed(self) -> None:
        for cid in (self._snapshot.backup.preferences, self._snapshot.backup.conversations):
            if cid is None:
                continue
            sealed = self._read(cid)
            if not sealed.startswith(AGE_HEADER):
                raise DecodeError("it is no age file")
            try:
                unseal(sealed, self._signer.seed)
            except SealedForOthers:
                continue  # whole by its hash; whether it opens is for its recipients to say

    def _read(self, cid: CID) -> bytes:
        return run(fetch(cid), self._get)
