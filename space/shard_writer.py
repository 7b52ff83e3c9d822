"""One CAR shard while it is written: its bytes go to a draft, its CID and places are kept.

As `pail.car.CarWriter` writes it, but for a batch at once and with places packed.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import accumulate, islice, takewhile

from pail import CAR, CID
from pail.car import MAX_SHARD_BYTES, encode_car_header
from pail.cid import cid_prefix
from pail.varint import encode_varint
from space.background import Background
from space.place import Draft
from space.sharded_dag_index import MAX_SLICES
from space.slices import Slices, encode_slices

BUFFER_BYTES = 1 << 20

READ_BYTES = 1 << 20
"""Blocks within so many bytes are read at once."""

MAX_HEAD_BYTES = 40
"""A CID of the codecs in use and the length before it."""

_HEADS = [encode_varint(36 + size) for size in range(1 << 14)]
"""What stands before a CID of 36 bytes, by the size of its content."""

Framed = tuple[bytes, bytes, bytes]
"""Frames one after the other; then offset and size of each content, as an array("I") packs them."""


def frame_plainly(blocks: dict[CID, bytes], at: int) -> Framed:
    """The frames of `blocks`, which end up at `at` of a shard. `_shard.c` has the same in C.

    Lists filled and joined at once: a loop over the blocks would cost as much as hashing them.
    """
    cids, contents = list(blocks), list(blocks.values())
    sizes = list(map(len, contents))
    if set(map(len, cids)) == {36} and max(sizes) < len(_HEADS):
        heads = list(map(_HEADS.__getitem__, sizes))
    else:
        heads = list(map(encode_varint, map(int.__add__, map(len, cids), sizes)))
    parts: list[bytes] = [b""] * (3 * len(cids))
    parts[0::3], parts[1::3], parts[2::3] = heads, cids, contents
    starts = accumulate(map(len, parts), initial=at)
    offsets = array("I", islice(starts, 2, None, 3))
    return b"".join(parts), offsets.tobytes(), array("I", sizes).tobytes()


try:
    from space._shard import frame as _frame
except ImportError:  # not compiled
    _frame = frame_plainly


class ShardWriter:
    """Appends blocks to one shard."""

    def __init__(self, draft: Draft, background: Background) -> None:
        header = encode_car_header()
        self.draft = draft
        self._background = background
        self.size_bytes = len(header)
        self.offsets, self.sizes = array("I"), array("I")
        self._cids: list[CID] = []
        self._hash = hashlib.sha256()
        self._unwritten = [header]
        self._unwritten_bytes = len(header)

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

    def add(self, blocks: dict[CID, bytes]) -> None:
        """Append `blocks`, which `room_for` has let in, and of which the shard has none."""
        frames, offsets, sizes = _frame(blocks, self.size_bytes)
        self.offsets.frombytes(offsets)
        self.sizes.frombytes(sizes)
        self._cids += blocks
        self._append(frames)

    def _append(self, frames: bytes) -> None:
        self.size_bytes += len(frames)
        self._unwritten.append(frames)
        self._unwritten_bytes += len(frames)
        if self._unwritten_bytes >= BUFFER_BYTES:
            self._background.start(partial(self._write, self._taken()))

    def _taken(self) -> list[bytes]:
        taken, self._unwritten, self._unwritten_bytes = self._unwritten, [], 0
        return taken

    def _write(self, parts: list[bytes]) -> None:
        content = b"".join(parts)
        self._hash.update(content)
        self.draft.write(content)

    def flush(self) -> None:
        """Everything is hashed, and written to the draft, where it can be read."""
        self._background.wait()
        if self._unwritten:
            self._write(self._taken())

    def read(self, numbers: Sequence[int]) -> list[bytes]:
        """The contents of the blocks that were added as these, counted from 0.

        Blocks that are asked for together mostly stand together, and one read then serves all.
        """
        self.flush()
        starts = [self.offsets[number] for number in numbers]
        sizes = [self.sizes[number] for number in numbers]
        ends = list(map(int.__add__, starts, sizes))
        first, last = min(starts), max(ends)
        if last - first > READ_BYTES:
            return list(map(self.draft.read, starts, sizes))
        window = self.draft.read(first, last - first)
        return [window[start - first : end - first] for start, end in zip(starts, ends, strict=True)]

    @property
    def cid(self) -> CID:
        """The CID of the shard as it was flushed last."""
        return CID(cid_prefix(CAR) + self._hash.digest())

    def slices(self) -> Slices:
        """Where its blocks stand."""
        return encode_slices(zip(self._cids, self.offsets, self.sizes, strict=True))
