"""Indexes that are added: nothing is believed that they say of a blob, all of it is looked at.

An index of shards that the space holds is decoded, each shard is read once from end to end, and every
slice must hash to its name. So a block is found where it stands, or not at all.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from contextlib import aclosing
from weakref import WeakValueDictionary

from pail import DecodeError, TooLarge
from pail.car import Slice as Position
from provider.blobs import Blobs
from provider.errors import BlobDamaged, IndexNotFound, IndexWrong, ShardNotFound, TooMuch
from provider.records import Slice, Stored
from provider.store import ProviderStore
from space.sharded_dag_index import ShardedDagIndex, ShardSlices, decode_index

MAX_INDEX_BYTES = 16 << 20
"""Of two full shards."""

MAX_BLOCK_BYTES = 8 << 20

MIN_FRAME_BYTES = 36
"""A block of a CAR takes its CID at the least, however short it is."""

MAX_TIMES = 2
"""Slices may overlap, but together be no more than so many times their shard."""

MAX_PROOFS = 4
"""Indexes that are looked at at once in one process; of one space it is one."""


class Indexer:
    """Adds indexes to one store."""

    def __init__(self, store: ProviderStore, blobs: Blobs) -> None:
        self._store = store
        self._blobs = blobs
        self._turns = asyncio.Semaphore(MAX_PROOFS)
        self._of_space: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def add(self, space: str, digest: bytes) -> None:
        """Prove the index that is the blob `digest` of `space`, and find blocks by it from now on.

        Raises IndexNotFound, ShardNotFound, IndexWrong, TooMuch, BlobDamaged, StoreUnavailable.
        """
        lock = self._of_space.setdefault(space, asyncio.Lock())  # there as long as somebody waits
        async with lock, self._turns:
            index = await self._load(space, digest)
            shards = [await self._shard(space, each) for each in index.shards]
            for shard, stored in shards:
                await self._prove(shard, stored)
            for shard, stored in shards:
                slices = [Slice(at.multihash, stored.digest, at.offset, at.length) for at in shard.slices]
                await self._store.add_slices(space, stored.digest, slices)

    async def _load(self, space: str, digest: bytes) -> ShardedDagIndex:
        stored = await self._store.stored(space, digest)
        if stored is None:
            raise IndexNotFound(digest)
        if stored.size > MAX_INDEX_BYTES:
            raise TooMuch(f"an index has {MAX_INDEX_BYTES} bytes at most, this one {stored.size}")
        async with aclosing(self._blobs.read(stored.object, 0, stored.size)) as chunks:
            data = b"".join([chunk async for chunk in chunks])
        if hashlib.sha256(data).digest() != digest[-32:]:
            raise await self._damaged(stored)
        try:
            return await asyncio.to_thread(decode_index, data)
        except (DecodeError, TooLarge) as error:
            raise IndexWrong(f"the blob is no index: {error}") from error

    async def _shard(self, space: str, shard: ShardSlices) -> tuple[ShardSlices, Stored]:
        stored = await self._store.stored(space, shard.shard.multihash)
        if stored is None:
            raise ShardNotFound(shard.shard.multihash)
        if shard.size_bytes != stored.size:
            raise IndexWrong(f"the shard {shard.shard} has {stored.size} bytes, not {shard.size_bytes}")
        if any(position.length > MAX_BLOCK_BYTES for position in shard.slices):
            raise TooMuch(f"a block has {MAX_BLOCK_BYTES} bytes at most")
        total = sum(position.length for position in shard.slices)
        if total > MAX_TIMES * stored.size or len(shard.slices) * MIN_FRAME_BYTES > stored.size:
            raise IndexWrong(f"the slices of the shard {shard.shard} are more than it can hold")
        return shard, stored

    async def _prove(self, shard: ShardSlices, stored: Stored) -> None:
        proof = _Proof(shard.slices)
        async with aclosing(self._blobs.read(stored.object, 0, stored.size)) as chunks:
            async for chunk in chunks:
                await asyncio.to_thread(proof.feed, chunk)
        if proof.digest() != stored.digest[-32:]:
            raise await self._damaged(stored)
        if proof.wrong is not None:
            place = f"{proof.wrong.length} bytes from {proof.wrong.offset} on"
            raise IndexWrong(f"the shard {shard.shard} does not hold the block that the index says: {place}")

    async def _damaged(self, stored: Stored) -> BlobDamaged:
        """Remembered, so that its bytes are taken again."""
        await self._store.mark_damaged(stored)
        return BlobDamaged(stored.digest)


class _Proof:
    """Fed a shard from its beginning, holds what the next slice needs of it."""

    def __init__(self, slices: Sequence[Position]) -> None:
        self._left = sorted(slices, key=lambda each: each.offset, reverse=True)
        self._hash = hashlib.sha256()
        self._held = bytearray()
        self._start = 0
        self.wrong: Position | None = None

    def feed(self, chunk: bytes) -> None:
        self._hash.update(chunk)
        self._held += chunk
        end = self._start + len(self._held)
        while self._left and self._left[-1].offset + self._left[-1].length <= end:
            self._look(self._left.pop())
        kept_from = min(self._left[-1].offset if self._left else end, end)
        del self._held[: kept_from - self._start]
        self._start = kept_from

    def _look(self, position: Position) -> None:
        at = position.offset - self._start
        found = hashlib.sha256(memoryview(self._held)[at : at + position.length])
        if found.digest() != position.multihash[-32:] and self.wrong is None:
            self.wrong = position

    def digest(self) -> bytes:
        return self._hash.digest()
