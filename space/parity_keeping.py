"""Keeps parity beside every whole shard of a space that wants it."""

from __future__ import annotations

from space.guard import guarded
from space.layout import SHARDS
from space.parity import add_parity, parity_bytes, parity_name
from space.sorting import COUNTED
from space.space import Space


def cover(space: Space, percent: int) -> tuple[int, int]:
    """Write the parity that is missing: how many shards were without, and the bytes written.

    Doomed shards get none, and none is written where a place keeps none. Parity that is there stays, of
    whatever percentage it is.
    Raises SpaceFull, SpaceUnavailable, PruneBegan.
    """
    if not space.place.keeps_parity:
        return 0, 0
    with guarded("writing parity"):
        there = {entry.name for entry in space.place.list(SHARDS)}
        rows = [
            row
            for name, row in space.index.shards().items()
            if row.state in COUNTED and parity_name(name) not in there and not space.index.doomed.has(name)
        ]
        if rows:
            space.lease.hold()
        return len(rows), sum(add_parity(space.place, row.entry, percent) for row in rows)


def otherwise_covered(space: Space, percent: int) -> int:
    """How many whole shards have parity that is of another size than `percent` makes."""
    with guarded("looking through the parity"):
        sizes = {entry.name: entry.size for entry in space.place.list(SHARDS)}
        shards = [row.entry for row in space.index.shards().values() if row.state in COUNTED]
        return sum(
            sizes.get(parity_name(entry.name), expected) != expected
            for entry in shards
            if not space.index.doomed.has(entry.name)
            for expected in [parity_bytes(entry.size, percent)]
        )
