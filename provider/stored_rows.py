"""The rows of blobs whose bytes are in the object store, and of objects that are to go."""

from __future__ import annotations

from collections.abc import Sequence

from clock_service.session import Session
from provider.records import Stored
from provider.space_rows import discard_unused as discard

UNACCEPTED_LIFE_S = 3600
"""How long a blob that was put waits to be accepted, once the promise of room has expired."""

MAX_SWEPT = 256
"""Looked at, at once."""

_UNUSED = (
    "SELECT digest FROM blob b WHERE stored_at < ? AND NOT EXISTS "
    "(SELECT 1 FROM entry e WHERE e.digest = b.digest) AND NOT EXISTS (SELECT 1 FROM allocation a "
    "WHERE a.digest = b.digest AND a.is_accepted = 0 AND a.expires_at > ?) ORDER BY digest LIMIT ?"
)


def keep(session: Session, *, blob: Stored, now_unix_s: int) -> bool:
    """False if another object holds the bytes: then `blob.object` is garbage."""
    sql = "INSERT INTO blob VALUES (?, ?, ?, ?) ON CONFLICT (digest) DO NOTHING"
    if session.run(sql, (blob.digest, blob.object, blob.size, now_unix_s)):
        return True
    if session.rows("SELECT object FROM blob WHERE digest = ?", (blob.digest,)) == [(blob.object,)]:
        return True  # this very call, done again after a lost connection
    session.run("INSERT INTO garbage VALUES (?) ON CONFLICT DO NOTHING", (blob.object,))
    return False


def is_stored(session: Session, *, digest: bytes) -> bool:
    return bool(session.rows("SELECT 1 FROM blob WHERE digest = ?", (digest,)))


def discard_unused(session: Session, *, now_unix_s: int) -> list[str]:
    """Make garbage of blobs that nobody accepted in time; keys of garbage, MAX_SWEPT at most."""
    row_lock = session.row_lock.replace("UPDATE", "UPDATE OF b")
    rows = session.rows(_UNUSED + row_lock, (now_unix_s - UNACCEPTED_LIFE_S, now_unix_s, MAX_SWEPT))
    for (digest,) in rows:
        discard(session, digest, now_unix_s)
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
