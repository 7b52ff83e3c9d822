"""What stays when shards go: who else holds a block, and whether that was ever proved (spec/prune.md)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress

from pail import CID, RAW, MissingBlock
from pail.cid import cid_prefix
from space.errors import CorruptBlock
from space.index import ShardRow, State
from space.intake import take_in
from space.space import Space

BATCH = 256

_RAW = cid_prefix(RAW)
"""Whatever the codec: blocks are found and hashed by their digests."""


class Staying:
    """A `Holder` of what stands in the shards of `rows`, which stay."""

    def __init__(self, space: Space, rows: set[int]) -> None:
        self._space, self._rows = space, rows

    def has(self, cids: Collection[CID]) -> set[CID]:
        lost = self.lost({cid[-32:] for cid in cids})
        return {cid for cid in cids if cid[-32:] not in lost}

    def lost(self, digests: AbstractSet[bytes]) -> set[bytes]:
        """Those of `digests` that would be nowhere."""
        found = self._space.index.find(digests)
        return {d for d in digests if not any(slot.shard in self._rows for slot in found.get(d, ()))}

    def get(self, cids: Sequence[CID]) -> list[bytes]:
        return self._space.get(cids)

    get_here = get

    def keep(self, blocks: Iterable[tuple[CID, bytes]]) -> None:
        pass


def prove_holders(space: Space, rows: Sequence[ShardRow], live: AbstractSet[bytes]) -> None:
    """Read what lives in doomed `rows` where it stays, so that a copy that is none is not counted on.

    Near, each such block. Far away, the shards that were only ever believed, where no other holds a block.
    """
    living = {digest for row in rows for digest in digests_of(space, row)} & live
    if space.place.is_near:
        _read_copies(space, living)
    else:
        _read_believed(space, living)


def _read_copies(space: Space, digests: AbstractSet[bytes]) -> None:
    """A copy that rotted unread is quarantined."""
    held = [CID(_RAW + digest) for digest in sorted(space.index.find(digests))]
    for at in range(0, len(held), BATCH):
        part = held[at : at + BATCH]
        try:
            space.get_lasting(part)
        except (CorruptBlock, MissingBlock):
            for cid in part:
                with suppress(CorruptBlock, MissingBlock):
                    space.get_lasting([cid])


def _read_believed(space: Space, digests: AbstractSet[bytes]) -> None:
    """Each shard once, from end to end, as what was found is kept. One that is damaged holds less then."""
    while unread := _only_believed(space, digests):
        for row in unread:
            if take_in(space, row.entry, row) is None:
                with space.index:
                    space.index.forget([row.entry.name])


def _only_believed(space: Space, digests: AbstractSet[bytes]) -> list[ShardRow]:
    """For each of `digests` that stands in no shard that was ever read whole, one in which it is said to."""
    known = {row.row: row for row in space.index.shards().values()}
    chosen: dict[int, ShardRow] = {}
    for slots in space.index.find(digests).values():
        holders = [known[slot.shard] for slot in slots]
        if all(row.state == State.LISTED and row.row not in chosen for row in holders):
            chosen[holders[0].row] = holders[0]
    return list(chosen.values())


def digests_of(space: Space, row: ShardRow) -> set[bytes]:
    return {digest for digest, _, _ in space.index.places_of(row.entry.name)}
