"""Tells which shards nothing needs, and which so little that they are worth rewriting.

Every live block belongs to one of the shards that hold it, the one of which most is alive; a
shard is judged by what belongs to it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Set as AbstractSet
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from pail import CID
from space.index import Index, ShardRow, State
from space.layout import shard_of_name
from space.places import places_in

REWRITE_BELOW = 0.5
"""A shard is rewritten if less than this part of its blocks' bytes belongs to it."""

SMALL_BYTES = 1 << 20
MERGE_FROM = 64
"""So many shards that each hold less than SMALL_BYTES are made one: each costs a request and an object."""

COUNTED = (State.WHOLE, State.LISTED)
"""Shards that are judged. One that is damaged or not here in full stays as it is."""


class Sorting(NamedTuple):
    """stays: what is left as it is. dead: nothing belongs to it. sparse: too little does, or they are
    small and many.

    doomed: what was marked before; of no block is it the owner.
    """

    stays: list[ShardRow]
    dead: list[ShardRow]
    sparse: list[ShardRow]
    doomed: list[ShardRow]


class _Tally(NamedTuple):
    """Bytes of blocks, by row: all, those that live, and those that belong there."""

    held: Counter[int]
    live: Counter[int]
    owned: Counter[int]


def sort_shards(index: Index, live: AbstractSet[bytes]) -> Sorting:
    """Judge every shard by the digests that live. Each page of the index is read twice."""
    marked = index.doomed.rows()
    rows = list(index.shards().values())
    judged = {
        shard_of_name(row.entry.name): row for row in rows if row.state in COUNTED and row.row not in marked
    }
    tally = _count(index, {row.row for row in judged.values()}, live)
    sorting = Sorting([], [], [], [row for row in rows if row.row in marked])
    for row in rows:
        if row.row not in marked:
            _kind(sorting, tally, row, judged.get(shard_of_name(row.entry.name))).append(row)
    _merge_small(sorting, tally, judged)
    return sorting


def _merge_small(sorting: Sorting, tally: _Tally, judged: dict[CID | None, ShardRow]) -> None:
    """Move small shards to those that are rewritten, if they are many."""
    here = {shard_of_name(row.entry.name) for row in sorting.stays} & judged.keys()
    small = {shard for shard in here if tally.held[judged[shard].row] < SMALL_BYTES}
    if len(small) < MERGE_FROM:
        return
    stays, sorting.stays[:] = list(sorting.stays), []
    for row in stays:
        shard = shard_of_name(row.entry.name)
        if shard not in small:
            sorting.stays.append(row)
        else:
            (sorting.sparse if row is judged[shard] else sorting.dead).append(row)


def _kind(sorting: Sorting, tally: _Tally, row: ShardRow, judged: ShardRow | None) -> list[ShardRow]:
    """judged: the file that stands for all of this name; its conflict copies go where it goes."""
    if judged is None:
        return sorting.stays
    owned, held = tally.owned[judged.row], tally.held[judged.row]
    if not owned:
        return sorting.dead
    if owned >= held * REWRITE_BELOW:
        return sorting.stays
    return sorting.sparse if row is judged else sorting.dead


def _count(index: Index, judged: set[int], live: AbstractSet[bytes]) -> _Tally:
    tally, bad = _Tally(Counter(), Counter(), Counter()), index.quarantined()
    for _, row, page in index.pages():
        if row in judged:
            for digest, _, size in places_in(page):
                tally.held[row] += size + 1  # an empty block is one, too
                tally.live[row] += (size + 1) * (digest in live)
    order = sorted(judged, key=lambda row: (-tally.live[row] / max(1, tally.held[row]), row))
    rank = {row: number for number, row in enumerate(order)}
    for _, pages in groupby(index.pages(), key=itemgetter(0)):
        owner: dict[bytes, tuple[int, int, int]] = {}
        for _, row, page in pages:
            for digest, offset, size in places_in(page) if row in judged else ():
                if digest in live and (row, offset) not in bad:
                    here = (rank[row], row, size + 1)
                    owner[digest] = min(owner.get(digest, here), here)
        for _, row, size in owner.values():
            tally.owned[row] += size
    return tally
