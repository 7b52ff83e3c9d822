"""The snapshots of a space: listing them, and finding the one that is meant."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from backup_agent.atproto.did_document import decode_did_document
from backup_agent.atproto.errors import IdentityFault
from backup_agent.errors import NoSnapshots, SnapshotAmbiguous, SnapshotNotFound, SnapshotUnclear
from backup_agent.snapshot import (
    Backup,
    Certificate,
    backups_prefix,
    decode_backup,
    decode_certificate,
    decode_identity,
    parse_backup_key,
    verify_certificate,
)
from pail import CID, DecodeError, PailError, Reader, Walk, crdt, run
from space import Head, SpaceError

LATEST = "latest"

END_OF_TIME = "9000-01-01T00:00:00.000Z"
"""No clock is that wrong: a snapshot dated so is meant to leave no room for the next one."""

MIN_TIMESTAMP_CHARS = 10
"""A day, `2026-11-20`, names its one snapshot."""

MIN_CID_CHARS = 12
"""All CIDs of Backups begin with the same seven characters."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One snapshot as the pail names it; nothing of it has been read yet."""

    account: str
    timestamp: str
    cid: CID


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A Backup with its certificate. What they speak of is not read: `backup_agent.verify` does that."""

    cid: CID
    backup: Backup
    certificate: Certificate
    doubt: str | None = None
    """Why the certificate is not to be believed: it is about another Backup, or not signed as it says."""


def entries(head: Head, account: str | None = None) -> Walk[list[Entry]]:
    """The snapshots under `head`, of one account or of all, by account and then oldest first.

    Keys of the pail that name no snapshot are passed over: other things live there too.
    """
    prefix = "" if account is None else backups_prefix(account)
    found: list[Entry] = []
    for key, cid in (yield from crdt.entries(head, prefix=prefix)):
        if parsed := parse_backup_key(key):
            found.append(Entry(*parsed, cid))
    return found


def read_snapshot(cid: CID) -> Walk[Snapshot]:
    """The Backup `cid` and its certificate. Raises DecodeError if they are none."""
    backup, certificate_cid = decode_backup((yield cid))
    data = yield certificate_cid
    try:
        return Snapshot(cid, backup, verify_certificate(data, backup))
    except DecodeError as error:
        return Snapshot(cid, backup, decode_certificate(data)[0], str(error))


def claimed_handle(snapshot: Snapshot) -> Walk[str | None]:
    """The handle that the account's DID document claimed when the snapshot was made; None if it did not.

    Nobody says that it still does. Raises DecodeError if what is kept as the identity is none.
    """
    identity = decode_identity((yield snapshot.backup.identity))
    document = yield identity.did_document
    try:
        return decode_did_document(snapshot.backup.account, document).handle
    except IdentityFault:
        return None


def account_of_handle(head: Head, handle: str, get: Reader) -> str | None:
    """The DID of the one account whose newest readable snapshot claims `handle`; None if not just one does.

    handle: in lower case.
    """
    accounts = {entry.account for entry in run(entries(head), get)}
    claiming = [account for account in accounts if _claims(newest_readable(head, account, get), handle, get)]
    return claiming[0] if len(claiming) == 1 else None


def _claims(snapshot: Snapshot | None, handle: str, get: Reader) -> bool:
    try:
        return snapshot is not None and run(claimed_handle(snapshot), get) == handle
    except (PailError, SpaceError):
        return False


def find(head: Head, selector: str, account: str | None = None) -> Walk[Entry]:
    """The snapshot that `selector` means: `latest`, a timestamp, a Backup's CID, or how one of them begins.

    A beginning has at least MIN_TIMESTAMP_CHARS or MIN_CID_CHARS and fits one snapshot alone.
    Raises NoSnapshots or SnapshotNotFound if there is none, SnapshotAmbiguous if snapshots of several
    accounts fit, SnapshotUnclear if several begin so.
    """
    known = yield from entries(head, account)
    if not known:
        raise NoSnapshots(account)
    if selector == LATEST:
        fits = [group[-1] for group in _by_account(known)]
    else:
        fits = [entry for entry in known if selector in (entry.timestamp, str(entry.cid))]
        fits = fits or _beginning(known, selector)
    if not fits:
        raise SnapshotNotFound(selector, account)
    if len({entry.account for entry in fits}) > 1:
        raise SnapshotAmbiguous(selector, sorted({entry.account for entry in fits}))
    return fits[-1]


def _beginning(known: list[Entry], selector: str) -> list[Entry]:
    """The one snapshot whose timestamp or CID begins with `selector`, if any. Raises SnapshotUnclear."""
    by_time, by_cid = len(selector) >= MIN_TIMESTAMP_CHARS, len(selector) >= MIN_CID_CHARS
    fits = [
        entry
        for entry in known
        if (by_time and entry.timestamp.startswith(selector))
        or (by_cid and str(entry.cid).startswith(selector))
    ]
    if len(fits) > 1:
        raise SnapshotUnclear(selector, [entry.timestamp for entry in fits])
    return fits


def newest_readable(head: Head, account: str, get: Reader) -> Snapshot | None:
    """The newest snapshot of `account` whose Backup and certificate can be read, or None.

    A damaged one is passed over, one whose certificate or key is not its own, and one of a time that
    leaves none after it, so that none of them ever stands in the way of the next backup.
    """
    for entry in reversed(run(entries(head, account), get)):
        if entry.timestamp >= END_OF_TIME:
            continue
        try:
            snapshot = run(read_snapshot(entry.cid), get)
        except (PailError, SpaceError):
            continue
        backup = snapshot.backup
        if snapshot.doubt is None and (backup.account, backup.created_at) == (account, entry.timestamp):
            return snapshot
    return None


def _by_account(known: list[Entry]) -> Iterator[list[Entry]]:
    groups: dict[str, list[Entry]] = {}
    for entry in known:
        groups.setdefault(entry.account, []).append(entry)
    yield from groups.values()
