"""The rows of blobs whose bytes are in the object store, and of objects that are to go."""

from __future__ import annotations

from collections.abc import Sequence

from clock_service.session import Contended, Session
from provider.errors import UploadExpired
from provider.records import Stored
from provider.space_rows import discard_unused as discard
from provider.upload_url import owner_of

UNACCEPTED_LIFE_S = 3600
"""How long a blob that was put waits at least to be accepted, and longer while room is promised for it."""

MAX_SWEPT = 256
"""Looked at, at once."""

_LATE = (
    "SELECT DISTINCT digest FROM arrival r WHERE arrived_at < ? AND NOT EXISTS (SELECT 1 FROM allocation a "
    "WHERE a.digest = r.digest AND a.is_accepted = 0 AND a.expires_at > ?) ORDER BY digest LIMIT ?"
)


def keep(session: Session, *, blob: Stored, owner: bytes, damaged: str | None, now_unix_s: int) -> bool:
    """False if another object than `damaged` holds the bytes: then `blob.object` is garbage, else `damaged`.

    They came from `owner`. Raises UploadExpired.
    """
    _lock(session, blob.digest)
    spaces = _promised(session, blob.digest, blob.size, owner)
    sql = (
        "INSERT INTO blob (digest, object, size, stored_at) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (digest) DO NOTHING"
    )
    session.run(sql, (blob.digest, blob.object, blob.size, now_unix_s))
    found = _lock(session, blob.digest)
    if not found:
        raise Contended("the blob went a moment ago")
    _arrive(session, blob.digest, owner, spaces, now_unix_s)
    if found == [blob.object]:
        return True
    gives_way = found == [damaged]
    if gives_way:
        sql = "UPDATE blob SET object = ?, is_damaged = 0 WHERE digest = ?"
        session.run(sql, (blob.object, blob.digest))
    unused = damaged if gives_way else blob.object
    session.run("INSERT INTO garbage VALUES (?) ON CONFLICT DO NOTHING", (unused,))
    return gives_way


def arrive(session: Session, *, digest: bytes, size: int, owner: bytes, now_unix_s: int) -> bool:
    """The bytes, which are whole, came from `owner` too; False if they are stored no longer.

    Raises UploadExpired.
    """
    if not _lock(session, digest):
        return False
    _arrive(session, digest, owner, _promised(session, digest, size, owner), now_unix_s)
    session.run("UPDATE blob SET is_damaged = 0 WHERE digest = ? AND is_damaged = 1", (digest,))
    return True


def mark_damaged(session: Session, *, stored: Stored) -> None:
    """That object holds other bytes, or none; of another that has taken its place nothing is said."""
    sql = "UPDATE blob SET is_damaged = 1 WHERE digest = ? AND object = ?"
    session.run(sql, (stored.digest, stored.object))


def _lock(session: Session, digest: bytes) -> list[str]:
    """The object of the blob, if it is there; its row is nobody else's from now on."""
    rows = session.rows(f"SELECT object FROM blob WHERE digest = ?{session.row_lock}", (digest,))  # noqa: S608
    return [key for (key,) in rows]


def _promised(session: Session, digest: bytes, size: int, owner: bytes) -> list[int]:
    """The space that has room for the blob: not if it was removed since, though its URL is still good.

    Raises UploadExpired.
    """
    sql = (
        "SELECT DISTINCT s.id, s.did FROM allocation a JOIN space s ON s.id = a.space "
        "WHERE a.digest = ? AND a.size = ?"
    )
    found = [number for number, did in session.rows(sql, (digest, size)) if owner_of(did) == owner]
    if not found:
        raise UploadExpired
    return found


def _arrive(session: Session, digest: bytes, owner: bytes, spaces: Sequence[int], now_unix_s: int) -> None:
    """Their room stays taken for as long as they wait."""
    until = now_unix_s + UNACCEPTED_LIFE_S
    sql = (
        "UPDATE allocation SET expires_at = ? WHERE space = ? AND digest = ? AND is_accepted = 0 "
        "AND expires_at < ?"
    )
    session.run_many(sql, [(until, number, digest, until) for number in spaces])
    session.run(
        "INSERT INTO arrival VALUES (?, ?, ?) ON CONFLICT (digest, owner) DO UPDATE SET "
        "arrived_at = excluded.arrived_at",
        (digest, owner, now_unix_s),
    )


def located(session: Session, *, digest: bytes) -> Stored | None:
    rows = session.rows("SELECT digest, object, size FROM blob WHERE digest = ?", (digest,))
    return Stored(*rows[0]) if rows else None


def discard_unused(session: Session, *, now_unix_s: int) -> list[str]:
    """Make garbage of blobs that nobody accepted in time; keys of garbage, MAX_SWEPT at most."""
    before = now_unix_s - UNACCEPTED_LIFE_S
    for (digest,) in session.rows(_LATE, (before, now_unix_s, MAX_SWEPT)):
        _lock(session, digest)
        session.run("DELETE FROM arrival WHERE digest = ? AND arrived_at < ?", (digest, before))
        discard(session, digest)
    garbage = session.rows("SELECT object FROM garbage LIMIT ?", (MAX_SWEPT,))
    return [key for (key,) in garbage]


def forget(session: Session, *, objects: Sequence[str]) -> None:
    session.run_many("DELETE FROM garbage WHERE object = ?", [(each,) for each in sorted(objects)])


def known(session: Session, *, objects: Sequence[str]) -> frozenset[str]:
    """Of `objects`, those that a row names."""
    found: list[str] = []
    for each in objects:
        sql = "SELECT object FROM blob WHERE object = ? UNION SELECT object FROM garbage WHERE object = ?"
        found += [key for (key,) in session.rows(sql, (each, each))]
    return frozenset(found)
