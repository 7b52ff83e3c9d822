"""The rows of spaces, their blobs and what was allocated, inside a transaction.

A space's row is locked before anything of it changes, then the rows of blobs: so what is counted
in a space is what it holds, and a blob goes only when no space holds it and none has put it.
"""

from __future__ import annotations

from clock_service.session import Row, Session
from pail import CID
from provider.errors import (
    AllocatedMemoryHadNotBeenWrittenTo,
    InsufficientStorage,
    SpaceAlreadyProvisioned,
    TooMuch,
)
from provider.records import Allocation, Entry, HostedSpace, Page, Stored
from provider.upload_url import owner_of

MAX_SPACES_READ = 10_000

MAX_ALLOCATIONS = 1024
"""Of one space, not yet accepted and not yet expired."""

MAX_TASKS = 64
"""Promises of one blob to one space that are remembered, each of another invocation; the newest."""

LATE_S = 86_400
"""How long after it has expired a blob may still be accepted, if there is room."""

RECEIPT_LIFE_S = 7 * 86_400
"""How long after it would have expired an accepted allocation still gives its receipt."""

_SPACE = "did, account, max_bytes, used_bytes, blobs, is_hosted"
_ALLOCATION = "a.put, a.accept, s.did, a.digest, a.size, a.cause, a.expires_at, a.is_accepted"
_IN_SPACE = "FROM allocation a JOIN space s ON s.id = a.space WHERE"
_RESERVED = (
    "SELECT count(*), coalesce(sum(size), 0) FROM (SELECT DISTINCT digest, size FROM allocation "
    "WHERE space = ? AND is_accepted = 0 AND expires_at > ? AND NOT (digest = ? AND size = ?) "
    "AND digest NOT IN (SELECT digest FROM entry WHERE space = ?)) AS reserved"
)
_ARRIVED = "SELECT 1 FROM arrival WHERE digest = ? AND owner = ?"
_ACCEPTED = "DELETE FROM arrival WHERE digest = ? AND owner = ?"


def load(session: Session, did: str, *, lock: bool = False) -> tuple[int, HostedSpace] | None:
    """The space's number and row. lock: until the transaction ends it is nobody else's."""
    row_lock = session.row_lock if lock else ""
    rows = session.rows(f"SELECT id, {_SPACE} FROM space WHERE did = ?{row_lock}", (did,))  # noqa: S608
    return (rows[0][0], _space_of(rows[0][1:])) if rows else None


def host(session: Session, space: HostedSpace) -> None:
    """Host it with this quota and account, whatever it had before; what it holds stays."""
    columns = (space.account, space.max_bytes, int(space.is_hosted))
    session.run(
        f"INSERT INTO space ({_SPACE}) VALUES (?, ?, ?, 0, 0, ?) ON CONFLICT (did) DO UPDATE SET "  # noqa: S608
        "account = excluded.account, max_bytes = excluded.max_bytes, is_hosted = excluded.is_hosted",
        (space.did, *columns),
    )


def spaces(session: Session, after: str) -> list[HostedSpace]:
    sql = f"SELECT {_SPACE} FROM space WHERE did > ? ORDER BY did LIMIT {MAX_SPACES_READ}"  # noqa: S608
    return [_space_of(row) for row in session.rows(sql, (after,))]


def has_spaces(session: Session, account: str) -> bool:
    return bool(session.rows("SELECT 1 FROM space WHERE account = ? LIMIT 1", (account,)))


def provide(session: Session, space: HostedSpace, max_spaces: int) -> None:
    """Host it for its account, if nobody's has it: looked at and done at once, whoever else does the same.

    Raises SpaceAlreadyProvisioned, InsufficientStorage.
    """
    found = load(session, space.did, lock=True)
    if found is not None:
        if found[1].account != space.account:
            raise SpaceAlreadyProvisioned(f"{space.did} already has a storage provider")
        return
    own = session.rows(f"SELECT id FROM space WHERE account = ?{session.row_lock}", (space.account,))  # noqa: S608
    if len(own) >= max_spaces:
        raise InsufficientStorage(f"an account has {max_spaces} spaces at most")
    host(session, space)


def allocate(session: Session, wanted: Allocation, now_unix_s: int) -> Allocation:
    """Promise room. If the space holds the blob, and the store has it whole, the result is accepted already.

    What is held and damaged may be put again, and takes no more room. The same task again is as it was,
    for as long as the new one. Raises InsufficientStorage, TooMuch.
    """
    number, space = hosted(session, wanted.space)
    is_held = bool(_held(session, number, wanted.digest))
    if not is_held:
        _check_quota(session, number, space, wanted, now_unix_s)
    _forget_old(session, number, now_unix_s)
    _forget_surplus(session, number, wanted, any_size=is_held)
    is_held = is_held and not _is_damaged(session, wanted.digest)
    allocation = wanted._replace(is_accepted=is_held, account=space.account)
    session.run(
        "INSERT INTO allocation VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (put) DO UPDATE SET "
        "expires_at = excluded.expires_at, is_accepted = excluded.is_accepted",
        (
            bytes(wanted.put),
            bytes(wanted.accept),
            number,
            wanted.digest,
            wanted.size,
            bytes(wanted.cause),
            wanted.expires_at_unix,
            int(is_held),
        ),
    )
    return allocation


def _check_quota(
    session: Session, number: int, space: HostedSpace, wanted: Allocation, now_unix_s: int
) -> None:
    count, reserved = session.rows(_RESERVED, (number, now_unix_s, wanted.digest, wanted.size, number))[0]
    if count >= MAX_ALLOCATIONS:
        raise TooMuch(f"{space.did} has {MAX_ALLOCATIONS} blobs on their way; send or await some of them")
    if space.used_bytes + reserved + wanted.size > space.max_bytes:
        left = max(0, space.max_bytes - space.used_bytes - reserved)
        message = f"{space.did} has {left} of {space.max_bytes} bytes left, this blob has {wanted.size}"
        raise InsufficientStorage(message)


def _forget_old(session: Session, number: int, now_unix_s: int) -> None:
    sql = "DELETE FROM allocation WHERE space = ? AND is_accepted = ? AND expires_at <= ?"
    session.run(sql, (number, 0, now_unix_s - LATE_S))
    session.run(sql, (number, 1, now_unix_s - RECEIPT_LIFE_S))


def _forget_surplus(session: Session, number: int, wanted: Allocation, *, any_size: bool) -> None:
    """What takes room goes only for another of its size: else a promise of one byte would free it."""
    these = "space = ? AND digest = ? AND (size = ? OR ? = 1)"
    which = (number, wanted.digest, wanted.size, int(any_size))
    sql = (
        f"DELETE FROM allocation WHERE {these} AND expires_at <= (SELECT expires_at "  # noqa: S608
        f"FROM allocation WHERE {these} ORDER BY expires_at DESC LIMIT 1 OFFSET ?)"
    )
    session.run(sql, (*which, *which, MAX_TASKS - 1))


def allocation(session: Session, task: CID) -> Allocation | None:
    """That of a put task, or of an accept task."""
    for column in ("put", "accept"):
        sql = f"SELECT {_ALLOCATION} {_IN_SPACE} a.{column} = ?"
        for row in session.rows(sql, (bytes(task),)):
            return _allocation_of(row)
    return None


def accept(session: Session, allocation: Allocation, now_unix_s: int, now_ms: int) -> None:
    """The space holds the blob from now on; twice is once.

    That the bytes are here is not enough: they came for this space, or it would have them by their name
    alone. Raises AllocatedMemoryHadNotBeenWrittenTo; InsufficientStorage if meanwhile the room was used up.
    """
    number, space = hosted(session, allocation.space)
    is_held = _held(session, number, allocation.digest)
    if is_held and _is_damaged(session, allocation.digest):
        raise AllocatedMemoryHadNotBeenWrittenTo
    if not is_held:
        sql = f"SELECT size FROM blob WHERE digest = ?{session.row_lock}"  # noqa: S608
        is_there = session.rows(sql, (allocation.digest,)) == [(allocation.size,)]
        if not is_there or not session.rows(_ARRIVED, _arrival(allocation.space, allocation.digest)):
            raise AllocatedMemoryHadNotBeenWrittenTo
        _check_quota(session, number, space, allocation, now_unix_s)
        _insert_entry(session, number, allocation, now_ms)
    session.run(_ACCEPTED, _arrival(allocation.space, allocation.digest))
    session.run("UPDATE allocation SET is_accepted = 1 WHERE put = ?", (bytes(allocation.put),))


def _arrival(did: str, digest: bytes) -> tuple[bytes, bytes]:
    return digest, owner_of(did)


def _insert_entry(session: Session, number: int, allocation: Allocation, now_ms: int) -> None:
    session.run(
        "INSERT INTO entry (space, digest, size, cause, inserted_at) VALUES (?, ?, ?, ?, ?)",
        (number, allocation.digest, allocation.size, bytes(allocation.cause), now_ms),
    )
    sql = "UPDATE space SET used_bytes = used_bytes + ?, blobs = blobs + 1 WHERE id = ?"
    session.run(sql, (allocation.size, number))


def remove(session: Session, did: str, digest: bytes) -> int:
    """Let go of a blob; the bytes that the space has more, 0 if it did not hold it."""
    found = load(session, did, lock=True)
    if found is None or not (held := _held(session, found[0], digest)):
        return 0
    session.rows(f"SELECT size FROM blob WHERE digest = ?{session.row_lock}", (digest,))  # noqa: S608
    sql = "DELETE FROM entry WHERE space = ? AND digest = ? RETURNING slices"
    ((slices,),) = session.rows(sql, (found[0], digest))
    session.run("DELETE FROM allocation WHERE space = ? AND digest = ?", (found[0], digest))
    sql = "UPDATE space SET used_bytes = used_bytes - ?, blobs = blobs - 1, slices = slices - ? WHERE id = ?"
    session.run(sql, (held[0].size, slices, found[0]))
    session.run(_ACCEPTED, _arrival(did, digest))
    discard_unused(session, digest)
    return held[0].size


def discard_unused(session: Session, digest: bytes) -> None:
    """If no space holds the blob and none has put it, its object is garbage. Its row is locked."""
    sql = "SELECT 1 FROM entry WHERE digest = ? UNION ALL SELECT 1 FROM arrival WHERE digest = ?"
    used = session.rows(sql, (digest, digest))
    if not used:
        session.run("INSERT INTO garbage SELECT object FROM blob WHERE digest = ?", (digest,))
        session.run("DELETE FROM blob WHERE digest = ?", (digest,))
        session.run("DELETE FROM slice WHERE shard = ?", (digest,))


def entry(session: Session, did: str, digest: bytes) -> Entry | None:
    found = load(session, did)
    held = _held(session, found[0], digest) if found else []
    return held[0] if held else None


def entries(session: Session, did: str, before: int | None, size: int) -> Page[Entry]:
    """`size` of the space's blobs, newest first, those older than the number `before`."""
    found = load(session, did)
    if found is None:
        return Page((), True)
    sql = (
        "SELECT number, digest, size, cause, inserted_at FROM entry "
        "WHERE space = ? AND number < ? ORDER BY number DESC LIMIT ?"
    )
    limit = (1 << 62) if before is None else before
    rows = session.rows(sql, (found[0], limit, size + 1))
    return Page([_entry_of(row) for row in rows[:size]], len(rows) <= size)


def stored(session: Session, did: str, digest: bytes) -> Stored | None:
    """Where the blob's bytes are, if the space holds it."""
    sql = (
        "SELECT b.digest, b.object, b.size FROM blob b JOIN entry e ON e.digest = b.digest "
        "JOIN space s ON s.id = e.space WHERE s.did = ? AND b.digest = ?"
    )
    rows = session.rows(sql, (did, digest))
    return Stored(*rows[0]) if rows else None


def hosted(session: Session, did: str) -> tuple[int, HostedSpace]:
    """The space's number and row, which is nobody else's from now on. Raises InsufficientStorage."""
    found = load(session, did, lock=True)
    if found is None or not found[1].is_hosted:
        raise InsufficientStorage(f"{did} has no storage provider")
    return found


def _held(session: Session, number: int, digest: bytes) -> list[Entry]:
    sql = "SELECT number, digest, size, cause, inserted_at FROM entry WHERE space = ? AND digest = ?"
    return [_entry_of(row) for row in session.rows(sql, (number, digest))]


def _is_damaged(session: Session, digest: bytes) -> bool:
    sql = "SELECT 1 FROM blob WHERE digest = ? AND is_damaged = 1"
    return bool(session.rows(sql, (digest,)))


def _space_of(row: Row) -> HostedSpace:
    did, account, max_bytes, used_bytes, blobs, is_hosted = row
    return HostedSpace(did, account, max_bytes, used_bytes, blobs, bool(is_hosted))


def _entry_of(row: Row) -> Entry:
    number, digest, size, cause, inserted_at = row
    return Entry(number, digest, size, CID(cause), inserted_at)


def _allocation_of(row: Row) -> Allocation:
    put, accept, did, digest, size, cause, expires_at, is_accepted = row
    return Allocation(CID(put), CID(accept), did, digest, size, CID(cause), expires_at, bool(is_accepted))
