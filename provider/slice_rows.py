"""The rows that say where blocks stand in blobs. They hold for every space that holds the blob."""

from __future__ import annotations

from collections.abc import Sequence

from clock_service.session import Session
from provider.errors import ShardNotFound, TooMuch
from provider.records import Place, Slice, Stored
from provider.space_rows import hosted

MAX_ADDED = 5_000
"""Rows of one transaction: others do not wait for more."""

MIN_SLICES, BYTES_OF_SLICE = 1_000_000, 4096
"""A space may have so many, or one for so many bytes of its quota if that is more: each is some 200 bytes of
the database, which no blob's quota pays for.
"""

ASKED_AT_ONCE = 500
"""Parameters of one statement."""

MAX_SPACES = 16
"""Looked at for one public block."""


def add(session: Session, *, did: str, shard: bytes, slices: Sequence[Slice]) -> None:
    """The space has so many more, and who lets go of the shard has those that it brought no longer."""
    number, space = hosted(session, did)
    is_held = session.rows("SELECT 1 FROM entry WHERE space = ? AND digest = ?", (number, shard))
    if not is_held:
        raise ShardNotFound(shard)
    fresh = len(slices) - _known(session, shard, [each.multihash for each in slices])
    ((before,),) = session.rows("SELECT slices FROM space WHERE id = ?", (number,))
    limit = max(MIN_SLICES, space.max_bytes // BYTES_OF_SLICE)
    if before + fresh > limit:
        raise TooMuch(f"the indexes of a space of {space.max_bytes} bytes name {limit} blocks at most")
    rows = sorted((each.multihash, each.shard, each.offset, each.length) for each in slices)
    session.run_many("INSERT INTO slice VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", rows)
    session.run("UPDATE space SET slices = slices + ? WHERE id = ?", (fresh, number))
    sql = "UPDATE entry SET slices = slices + ? WHERE space = ? AND digest = ?"
    session.run(sql, (fresh, number, shard))


def _known(session: Session, shard: bytes, multihashes: Sequence[bytes]) -> int:
    """How many of them are there already."""
    found = 0
    for at in range(0, len(multihashes), ASKED_AT_ONCE):
        part = multihashes[at : at + ASKED_AT_ONCE]
        marks = ", ".join("?" * len(part))
        sql = f"SELECT count(*) FROM slice WHERE shard = ? AND multihash IN ({marks})"  # noqa: S608
        found += session.rows(sql, (shard, *part))[0][0]
    return found


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
