"""The rows that say where blocks stand in blobs. They hold for every space that holds the blob."""

from __future__ import annotations

from collections.abc import Sequence

from clock_service.session import Session
from provider.records import Place, Slice, Stored

MAX_ADDED = 5_000
"""Rows of one transaction: others do not wait for more."""

MAX_SPACES = 16
"""Looked at for one public block."""


def add(session: Session, *, slices: Sequence[Slice]) -> None:
    rows = sorted((each.multihash, each.shard, each.offset, each.length) for each in slices)
    session.run_many("INSERT INTO slice VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", rows)


def places(session: Session, *, did: str, multihashes: Sequence[bytes]) -> list[Place | None]:
    return [_place(session, did, multihash) for multihash in multihashes]


def _place(session: Session, did: str, multihash: bytes) -> Place | None:
    sql = (
        "SELECT b.digest, b.object, b.size, l.start, l.length FROM slice l "
        "JOIN blob b ON b.digest = l.shard JOIN entry e ON e.digest = l.shard "
        "JOIN space s ON s.id = e.space WHERE s.did = ? AND l.multihash = ? LIMIT 1"
    )
    rows = session.rows(sql, (did, multihash))
    if not rows:
        return None
    digest, key, size, start, length = rows[0]
    return Place(Stored(digest, key, size), start, length)


def spaces_with(session: Session, *, multihash: bytes, audience: str) -> list[str]:
    """By the blob itself, or by a blob that the block stands in."""
    sql = (
        "SELECT DISTINCT s.did FROM space s JOIN entry e ON e.space = s.id "
        "JOIN delegation d ON d.space = s.id AND d.audience = ? WHERE e.digest = ? "
        "OR e.digest IN (SELECT shard FROM slice WHERE multihash = ?) LIMIT ?"
    )
    return [did for (did,) in session.rows(sql, (audience, multihash, multihash, MAX_SPACES))]
