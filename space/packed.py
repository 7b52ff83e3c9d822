"""A shard that rests in frames, read as if it were plain: only the frames that are needed are had."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from space.frames import FOOT_BYTES, BadFrames, Frame, decode_table, salvage, table_bytes, unpack
from space.layout import PACKED_SUFFIX, SHARDS
from space.place import Entry, Opened, Place, Span

TAIL_BYTES = 64 << 10
"""Read at first: the table of a large shard, the whole of a day's."""

KEPT_FRAMES = 8
"""Frames kept plain: blocks that are read together mostly stand together."""


def open_shard(place: Place, entry: Entry) -> Opened:
    """The plain bytes of a CAR shard, however it rests. Raises as `Place.open`."""
    return plain_shard(place.open(SHARDS, entry), entry)


def plain_shard(opened: Opened, entry: Entry) -> Opened:
    """The plain bytes of a CAR shard that rests as `opened`."""
    return PackedShard(opened) if entry.name.endswith(PACKED_SUFFIX) else opened


class PackedShard:
    """An `Opened` over the plain bytes of `opened`.

    What cannot be decompressed reads as zeros, so that the blocks there fail their hashes, and
    those of other frames do not.
    """

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        self._tail = b""
        self._known: list[Frame] | None = None
        self._kept: dict[Frame, bytes] = {}

    @property
    def size(self) -> int:
        frames = self._frames
        return frames[-1].plain_offset + frames[-1].plain_size if frames else 0

    def read(self, offset: int, size: int) -> bytes:
        return self.read_many([Span(offset, size)])[0]

    def read_many(self, spans: Sequence[Span]) -> list[bytes]:
        frames = self._frames
        starts = [frame.plain_offset for frame in frames]
        wanted = [_covering(frames, starts, span) for span in spans]
        plain = self._plain(sorted({frame for each in wanted for frame in each}))
        return [_cut(each, plain, span) for each, span in zip(wanted, spans, strict=True)]

    def close(self) -> None:
        self._opened.close()

    @property
    def _frames(self) -> list[Frame]:
        if self._known is None:
            try:
                self._known = self._read_table()
            except BadFrames:
                self._known = self._salvaged()
        return self._known

    def _read_table(self) -> list[Frame]:
        size = self._opened.size
        self._tail = self._opened.read(max(0, size - TAIL_BYTES), min(size, TAIL_BYTES))
        wanted = table_bytes(self._tail[-FOOT_BYTES:])
        if wanted > len(self._tail):
            self._tail = self._opened.read(size - wanted, wanted) if wanted <= size else b""
        return decode_table(self._tail[-wanted:], size)

    def _salvaged(self) -> list[Frame]:
        """The whole as one frame, as far as it can be had."""
        plain = salvage(self._opened.read(0, self._opened.size))
        frame = Frame(0, 0, 0, len(plain))
        self._kept = {frame: plain}
        return [frame] if plain else []

    def _plain(self, frames: Sequence[Frame]) -> dict[Frame, bytes]:
        missing = [frame for frame in frames if frame not in self._kept]
        plain = {frame: self._kept[frame] for frame in frames if frame in self._kept}
        for frame, packed in zip(missing, self._packed(missing), strict=True):
            try:
                plain[frame] = unpack(packed, frame.plain_size)
            except BadFrames:
                plain[frame] = bytes(frame.plain_size)
        self._kept.update((frame, plain[frame]) for frame in missing[-KEPT_FRAMES:])
        while len(self._kept) > KEPT_FRAMES:
            del self._kept[next(iter(self._kept))]
        return plain

    def _packed(self, frames: Sequence[Frame]) -> list[bytes]:
        tail_at = self._opened.size - len(self._tail)
        if all(frame.offset >= tail_at for frame in frames):
            at = [frame.offset - tail_at for frame in frames]
            return [self._tail[a : a + frame.size] for a, frame in zip(at, frames, strict=True)]
        return self._opened.read_many([Span(frame.offset, frame.size) for frame in frames])


def _covering(frames: Sequence[Frame], starts: Sequence[int], span: Span) -> Sequence[Frame]:
    """The frames that hold any byte of `span`."""
    end = span.offset + span.size
    first = max(0, bisect_right(starts, span.offset) - 1)
    return frames[first : bisect_right(starts, end - 1)] if span.size else ()


def _cut(frames: Sequence[Frame], plain: dict[Frame, bytes], span: Span) -> bytes:
    if not frames:
        return b""
    start = span.offset - frames[0].plain_offset
    if len(frames) == 1:
        return plain[frames[0]][start : start + span.size]
    return b"".join(plain[frame] for frame in frames)[start : start + span.size]
