"""The end of a run: the Backup, its certificate, and the event that names it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from backup_agent.catalogue import Snapshot
from backup_agent.run.base import Base
from backup_agent.run.context import Run
from backup_agent.run.journal import StoredBlob
from backup_agent.run.outcome import Outcome
from backup_agent.run.private import Sealed
from backup_agent.run.repository import Repository
from backup_agent.run.staging import Staging
from backup_agent.run.wanted import Wanted
from backup_agent.snapshot import (
    Backup,
    Certificate,
    Identity,
    encode_backup,
    encode_identity,
    format_timestamp,
    issue_certificate,
    snapshot_key,
)
from backup_agent.snapshot.keys import parse_timestamp
from pail import CID, RAW, cid_of, crdt, run
from pail.map import batch, delete, empty, get
from pail.unixfs import leaves
from space import Head


@dataclass(frozen=True, slots=True)
class Findings:
    """What the run found, all of it staged or in the space."""

    repository: Repository
    wanted: Wanted
    stored: Mapping[CID, StoredBlob]
    """Blobs that are new to the snapshot."""
    missing: Mapping[CID, str]
    identity: CID
    sealed: Sealed


def stage_identity(run_: Run, staging: Staging) -> CID:
    """Stage the identity as received; the same JSON is the same block."""
    document, log = run_.identity.document, run_.identity.plc_log
    identity = Identity(cid_of(RAW, document), None if log is None else cid_of(RAW, log))
    staging.put_many([(cid_of(RAW, part), part) for part in (document, log) if part is not None])
    block = encode_identity(identity)
    staging.put_many([block])
    return block.cid


def record(run_: Run, staging: Staging, head: Head, base: Base, found: Findings) -> Outcome:
    """Write the snapshot and move the head: blocks durable first (S1), acknowledged last (C4).

    If nothing has changed there is no new snapshot; what the space had lost of the last one is written.
    head: as it was at the start of the run. Others may have recorded since: a snapshot goes onto the newest.
    """
    blobs, dropped_bytes = _stage_blobs(staging, base.proved, found)
    backup = Backup(
        account=run_.account,
        created_at=_timestamp(run_, head, base.previous),
        repo=found.repository.commit,
        rev=found.repository.rev,
        blobs=blobs,
        identity=found.identity,
        preferences=found.sealed.preferences,
    )
    certificate = _certificate(run_, base, found, backup, dropped_bytes)
    if base.previous is not None and _says(base.previous.backup, base.previous.certificate) == _says(
        backup, certificate
    ):
        if staging.staged_blocks:
            staging.flush()
        for event in head:  # a head object that was lost is written anew; else this writes nothing
            run_.clock.advance(event, ())
        now = replace(base.previous.certificate, excluded=certificate.excluded)
        same = replace(base.previous, certificate=now)
        return Outcome(same, False, staging.written_bytes, staging.written_blocks)
    head = run_.clock.head()
    backup = replace(backup, created_at=_timestamp(run_, head, base.previous))
    certificate = replace(certificate, subject=backup.subject())
    certificate_block = issue_certificate(certificate, run_.signer)
    backup_block = encode_backup(backup, certificate_block.cid)
    key = snapshot_key(run_.account, backup.created_at)
    update = run(crdt.put(head, key, backup_block.cid), staging.get)
    assert update.event is not None, "the key is new, so there is an event"
    staging.put_many([certificate_block, backup_block, *update.additions, update.event])
    staging.flush()
    run_.clock.advance(update.event.cid, [update.event, *update.additions])
    snapshot = Snapshot(backup_block.cid, backup, certificate)
    return Outcome(snapshot, True, staging.written_bytes, staging.written_blocks)


def _says(backup: Backup, certificate: Certificate) -> tuple[object, ...]:
    """What makes a snapshot another one: not when and by whom it was made, nor a cause in other words."""
    links = (backup.repo, backup.identity, backup.preferences, backup.blobs)
    return *links, certificate.records, certificate.blobs, certificate.blob_bytes, set(certificate.missing)


def _stage_blobs(staging: Staging, proved: Snapshot | None, found: Findings) -> tuple[CID, int]:
    """The pail of all blobs of the snapshot, and the bytes of those that `proved` had besides."""
    none = empty()
    if proved is None:
        staging.put_many(none.additions)
    root, dropped_bytes = proved.backup.blobs if proved else none.root, 0
    for cid in sorted(found.wanted.dropped):
        dropped_bytes += _size_of(run(get(root, str(cid)), staging.get), staging)
        diff = run(delete(root, str(cid)), staging.get)
        staging.put_many(diff.additions)
        root = diff.root
    if found.stored:
        diff = run(batch(root, [(str(blob.cid), blob.root) for blob in found.stored.values()]), staging.get)
        staging.put_many(diff.additions)
        root = diff.root
    return root, dropped_bytes


def _size_of(root: CID | None, staging: Staging) -> int:
    assert root is not None, "a dropped blob is in the previous snapshot"
    return run(leaves(root, lambda _leaf: None), staging.get)


def _timestamp(run_: Run, head: Head, previous: Snapshot | None) -> str:
    """Now, but always after the previous snapshot: a clock that was wrong must not hide this one.

    Nor may two runs that end in the same millisecond have the same key.
    """
    now_ms = run_.now_ms()
    if previous is not None:
        now_ms = max(now_ms, parse_timestamp(previous.backup.created_at) + 1)
    while run(crdt.get(head, snapshot_key(run_.account, format_timestamp(now_ms))), run_.space.get):
        now_ms += 1
    return format_timestamp(now_ms)


def _certificate(run_: Run, base: Base, found: Findings, backup: Backup, dropped_bytes: int) -> Certificate:
    before = base.proved.certificate if base.proved else None
    stored_bytes = sum(blob.size_bytes for blob in found.stored.values())
    return Certificate(
        agent=run_.signer.did,
        subject=backup.subject(),
        signing_key=run_.identity.signing_key,
        verified_at=format_timestamp(run_.now_ms()),
        records=found.repository.records,
        blobs=(before.blobs if before else 0) - len(found.wanted.dropped) + len(found.stored),
        blob_bytes=(before.blob_bytes if before else 0) - dropped_bytes + stored_bytes,
        missing={str(cid): cause for cid, cause in sorted(found.missing.items())},
        excluded=found.wanted.excluded | found.sealed.excluded,
        previous=base.previous.cid if base.previous else None,
    )
