"""The end of a run: the Backup, its certificate, and the event that names it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from backup_agent.catalogue import Snapshot
from backup_agent.run.context import Run
from backup_agent.run.journal import StoredBlob
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


def record(run_: Run, staging: Staging, head: Head, previous: Snapshot | None, found: Findings) -> Snapshot:
    """Write the snapshot and move the head: blocks durable first (S1), acknowledged last (C4)."""
    blobs, dropped_bytes = _stage_blobs(run_, staging, previous, found)
    timestamp = _timestamp(run_, previous)
    backup = Backup(
        account=run_.account,
        created_at=timestamp,
        repo=found.repository.commit,
        rev=found.repository.rev,
        blobs=blobs,
        identity=found.identity,
        preferences=found.sealed.preferences,
    )
    certificate = _certificate(run_, previous, found, backup, dropped_bytes)
    certificate_block = issue_certificate(certificate, run_.signer)
    backup_block = encode_backup(backup, certificate_block.cid)
    key = snapshot_key(run_.account, timestamp)
    update = run(crdt.put(head, key, backup_block.cid), staging.get)
    assert update.event is not None, "the key is new, so there is an event"
    staging.put_many([certificate_block, backup_block, *update.additions, update.event])
    staging.flush()
    run_.clock.advance(update.event.cid, [update.event, *update.additions])
    return Snapshot(backup_block.cid, backup, certificate)


def _stage_blobs(run_: Run, staging: Staging, previous: Snapshot | None, found: Findings) -> tuple[CID, int]:
    """The pail of all blobs of the snapshot, and the bytes of those that the previous one had besides."""
    none = empty()
    staging.put_many(none.additions)
    base, dropped_bytes = previous.backup.blobs if previous else none.root, 0
    for cid in sorted(found.wanted.dropped):
        dropped_bytes += _size_of(run(get(base, str(cid)), staging.get), staging)
        diff = run(delete(base, str(cid)), staging.get)
        staging.put_many(diff.additions)
        base = diff.root
    if found.stored:
        diff = run(batch(base, [(str(blob.cid), blob.root) for blob in found.stored.values()]), staging.get)
        staging.put_many(diff.additions)
        base = diff.root
    return base, dropped_bytes


def _size_of(root: CID | None, staging: Staging) -> int:
    assert root is not None, "a dropped blob is in the previous snapshot"
    return run(leaves(root, lambda _leaf: None), staging.get)


def _timestamp(run_: Run, previous: Snapshot | None) -> str:
    """Now, but always after the previous snapshot: a clock that was wrong must not hide this one."""
    now_ms = run_.now_ms()
    if previous is not None:
        now_ms = max(now_ms, parse_timestamp(previous.backup.created_at) + 1)
    return format_timestamp(now_ms)


def _certificate(
    run_: Run, previous: Snapshot | None, found: Findings, backup: Backup, dropped_bytes: int
) -> Certificate:
    before = previous.certificate if previous else None
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
        previous=previous.cid if previous else None,
    )
