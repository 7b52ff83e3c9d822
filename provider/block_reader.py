"""Blocks of one space, found through the indexes that were added, each hashed before it is given (S4)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import TypeVar

from pail import CID, Block, Hashed, HashMismatch, Walk, run_async, verify_block
from provider.blobs import Blobs
from provider.errors import BlobDamaged, BlockNotFound, Unauthorized
from provider.indexing import MAX_BLOCK_BYTES
from provider.records import Place
from provider.rights import Right
from provider.store import ProviderStore

T = TypeVar("T")


class BlockReader:
    """Reads what `right` lets read. visited: what was read, in order, each once, until it is taken."""

    def __init__(self, store: ProviderStore, blobs: Blobs, right: Right) -> None:
        self._store = store
        self._blobs = blobs
        self.right = right
        self._seen: set[CID] = set()
        self.visited: list[Block] = []

    async def get(self, cids: Sequence[CID]) -> Sequence[bytes]:
        """Raises BlockNotFound, Unauthorized for a block outside what may be read, BlobDamaged."""
        places = await self._places(cids)
        blocks = Hashed(await asyncio.gather(*map(self._block, cids, places)))
        for cid, block in zip(cids, blocks, strict=True):
            if cid not in self._seen:
                self._seen.add(cid)
                self.visited.append(Block(cid, block))
        return blocks

    async def run(self, walk: Walk[T]) -> T:
        """The result of `walk`."""
        return await run_async(walk, self.get)

    async def has(self, cid: CID) -> bool:
        """Whether the space has the block, as far as indexes tell."""
        return (await self._places([cid]))[0] is not None

    async def _block(self, cid: CID, place: Place | None) -> bytes:
        if place is None:
            raise BlockNotFound(cid.multihash)
        stored, start, end = place.stored, place.offset, place.offset + place.length
        if not self.right.covers(stored.digest, start, end):
            raise Unauthorized("the token is for other bytes")
        async with aclosing(self._blobs.read(stored.object, start, end)) as chunks:
            block = b"".join([chunk async for chunk in chunks])
        try:
            verify_block(cid, block)
        except HashMismatch as error:
            raise BlobDamaged(stored.digest) from error
        return block

    async def _places(self, cids: Sequence[CID]) -> list[Place | None]:
        """In a shard, or as a blob of its own."""
        places = await self._store.places(self.right.space, [cid.multihash for cid in cids])
        return [place or await self._alone(cid) for cid, place in zip(cids, places, strict=True)]

    async def _alone(self, cid: CID) -> Place | None:
        stored = await self._store.stored(self.right.space, cid.multihash)
        return Place(stored, 0, stored.size) if stored and stored.size <= MAX_BLOCK_BYTES else None


async def steps(reader: BlockReader, walk: Walk[None]) -> AsyncGenerator[None]:
    """Drive `walk`, with a stop after each of its answers. Raises what the walk and the reader raise."""
    answer: bytes | Sequence[bytes] | None = None
    try:
        while True:
            try:
                ask = walk.send(answer)
            except StopIteration:
                yield
                return
            yield
            blocks = await reader.get([ask] if isinstance(ask, CID) else ask)
            answer = blocks[0] if isinstance(ask, CID) else blocks
    finally:
        walk.close()
