"""Proves that a place still gives what it holds, by reading blocks at random: past every cache."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import closing
from random import Random
from typing import NamedTuple

from space.guard import guarded
from space.index import ShardRow, State
from space.layout import shard_of_name
from space.packed import open_shard
from space.place import Span
from space.space import Space


class Proof(NamedTuple):
    """blocks: how many were read. bad: names of shards that did not give one as it should be."""

    blocks: int
    bad: tuple[str, ...]


def prove(space: Space, count: int, random: Random) -> Proof:
    """Read `count` blocks, each shard as likely as it has blocks. Raises SpaceUnavailable."""
    with guarded(f"reading {space.place.title} back"):
        rows = [
            row
            for row in space.index.shards().values()
            if row.blocks and row.state in (State.WHOLE, State.DAMAGED, State.LISTED)
            if shard_of_name(row.entry.name) and not space.index.doomed.has(row.entry.name)
        ]
        if not rows:
            return Proof(0, ())
        drawn = random.choices(rows, weights=[row.blocks for row in rows], k=count)
        counts = {row.entry.name: drawn.count(row) for row in set(drawn)}
        named = {row.entry.name: row for row in rows}
        bad = [name for name, wanted in counts.items() if not _gives(space, named[name], wanted, random)]
    return Proof(count, tuple(sorted(bad)))


def _gives(space: Space, row: ShardRow, count: int, random: Random) -> bool:
    places = list(space.index.places_of(row.entry.name))
    drawn = random.sample(places, min(count, len(places)))
    try:
        with closing(open_shard(space.place, row.entry)) as opened:
            contents: Iterator[bytes] = iter(opened.read_many([Span(at, size) for _, at, size in drawn]))
            return all(hashlib.sha256(next(contents)).digest() == digest for digest, _, _ in drawn)
    except FileNotFoundError:
        return False
