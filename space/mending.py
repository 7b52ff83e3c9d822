"""Fetches what one place has lost from another place of the same space.

Nothing is written over: the blocks come into new shards, as when a backup writes them anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pail import CID, Block, DecodeError, MissingBlock, TooLarge, verify_block
from pail.car import CarReader
from pail.errors import HashMismatch
from space.errors import CorruptBlock
from space.index import State
from space.layout import shard_of_name
from space.packed import open_shard
from space.place import Entry
from space.report import Damage
from space.space import Space
from space.stock import MAX_BLOCK_BYTES, chunks

BATCH_BYTES = 4 << 20


def mend(space: Space, other: Space, damages: Sequence[Damage]) -> int:
    """Write what `damages` name as lost, as far as `other` has it whole; how many blocks that was.

    Raises SpaceFull, SpaceUnavailable, PruneBegan.
    """
    other.refresh()
    hurt = {shard for damage in damages if (shard := shard_of_name(damage.shard)) is not None}
    entries = {
        shard: row.entry
        for row in other.index.shards().values()
        if row.state in (State.WHOLE, State.LISTED)
        if (shard := shard_of_name(row.entry.name)) in hurt
    }
    with space.stage() as stage:
        fetched = 0
        for entry in entries.values():
            for batch in _batches(_blocks(other, entry)):
                fetched += stage.put_many(batch)
        lost = {damage.cid for damage in damages if damage.lost and damage.cid is not None}
        fetched += stage.put_many(list(_single(other, lost - stage.has(lost))))
        stage.publish()
    return fetched


def _blocks(other: Space, entry: Entry) -> Iterator[Block]:
    """The blocks of a shard, each hashed, up to the first that is not what it should be."""
    reader = CarReader(max_block_bytes=MAX_BLOCK_BYTES)
    try:
        for chunk in chunks(open_shard(other.place, entry)):
            for block in reader.feed(chunk):
                verify_block(block.cid, block.data)
                yield block
    except (FileNotFoundError, DecodeError, TooLarge, HashMismatch):
        return


def _batches(found: Iterator[Block]) -> Iterator[list[Block]]:
    batch, size = list[Block](), 0
    for block in found:
        batch.append(block)
        size += len(block.data)
        if size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    yield batch


def _single(other: Space, cids: set[CID]) -> Iterator[Block]:
    """Blocks that stand elsewhere in `other` than they did here."""
    for cid in sorted(cids):
        try:
            yield Block(cid, other.get([cid])[0])
        except (MissingBlock, CorruptBlock):
            continue
