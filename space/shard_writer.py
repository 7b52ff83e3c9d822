"""One CAR shard while it is written: its bytes go to a draft, its CID and places are kept.

As `pail.car.CarWriter` writes it, but for a batch at once and with places packed.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Mapping, Sequence
from itertools import accumulate, takewhile
from typing import cast

from pail import CAR, CID
from pail.car import MAX_SHARD_BYTES, Slice, encode_car_header
from pail.cid import cid_prefix
from pail.varint import encode_varint
from space.objects import Draft
from space.places import pack_places
from space.sharded_dag_index import MAX_SLICES, ShardedDagIndex, ShardSlices, encode_index

BUFFER_BYTES = 1 << 20

MAX_HEAD_BYTES = 40
"""A CID of the codecs in use and the length before it."""

_HEADS = [encode_varint(length) for length in range(1 << 14)]
_SHA2_256 = b"\x12\x20"


class ShardWriter:
    """Appends blocks to one shard."""

    def __init__(self, draft: Draft) -> None:
        header = encode_car_header()
        self.draft = draft
        self.size_bytes = len(header)
        self.offsets, self.sizes = array("I"), array("I")
        self._cids: list[CID] = []
        self._hash = hashlib.sha256(header)
        self._buffer = bytearray(header)

    def __len__(self) -> int:
        return len(self._cids)

    def room_for(self, blocks: Mapping[CID, bytes]) -> int:
        """How many of `blocks`, from the first on, the shard can still take."""
        left = MAX_SLICES - len(self)
        room = MAX_SHARD_BYTES - self.size_bytes
        if len(blocks) <= left and sum(map(len, blocks.values())) + len(blocks) * MAX_HEAD_BYTES <= room:
            return len(blocks)
        frames = accumulate(len(content) + MAX_HEAD_BYTES for content in blocks.values())
        return min(left, sum(1 for _ in takewhile(lambda size: size <= room, frames)))

    def add(self, blocks: Mapping[CID, bytes]) -> None:
        """Append `blocks`, which `room_for` has let in, and of which the shard has none."""
        parts: list[bytes] = []
        at, heads, place = self.size_bytes, _HEADS, self.offsets.append
        for cid, content in blocks.items():
            length = len(cid) + len(content)
            head = heads[length] if length < 0x4000 else encode_varint(length)
            parts += (head, cid, content)
            at += len(head) + length
            place(at - len(content))
        self._cids += blocks
        self.sizes.extend(map(len, blocks.values()))
        frames = b"".join(parts)
        self._hash.update(frames)
        self.size_bytes = at
        self._buffer += frames
        if len(self._buffer) >= BUFFER_BYTES:
            self.flush()

    def flush(self) -> None:
        """Hand everything to the draft, where it can be read."""
        if self._buffer:
            self.draft.write(self._buffer)
            self._buffer = bytearray()

    def read(self, number: int) -> bytes:
        """The content of the block that was added as the `number`th, from 0."""
        self.flush()
        return self.draft.read(self.offsets[number], self.sizes[number])

    @property
    def cid(self) -> CID:
        """The CID of the shard as it is now."""
        return CID(cid_prefix(CAR) + self._hash.digest())

    def places(self) -> list[bytes]:
        """Where its blocks stand, packed."""
        return pack_places([cid[-32:] for cid in self._cids], self.offsets, self.sizes)

    def index(self) -> bytes:
        """The index object that belongs beside the shard."""
        return encode_shard_index(
            self.cid, self.size_bytes, [cid[-34:] for cid in self._cids], self.offsets, self.sizes
        )


def encode_shard_index(
    shard: CID, size_bytes: int, multihashes: Sequence[bytes], offsets: Sequence[int], sizes: Sequence[int]
) -> bytes:
    """The index of one shard of a space. It names no DAG, so its content is the shard itself."""
    # Plain tuples: 130,000 named ones would double the cost.
    slices = cast(Sequence[Slice], list(zip(multihashes, offsets, sizes, strict=True)))
    return encode_index(ShardedDagIndex(shard, (ShardSlices(shard, size_bytes, slices),)))
