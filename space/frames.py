"""Bytes compressed in frames of their own, so that a range of them is read without the rest.

The zstd seekable format: frames one after the other, then a table of their sizes in a frame that
decompressors skip, so any zstd gives back the whole.

    table   magic 0x184D2A5E, bytes that follow; for each frame its size and that of its plain bytes;
            number of frames, a byte of flags, magic 0x8F92EAB1: integers of 4 bytes, little-endian

Source: https://github.com/facebook/zstd/blob/dev/contrib/seekable_format/zstd_seekable_compression_format.md
"""

from __future__ import annotations

import os
import struct
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import accumulate
from typing import NamedTuple

import zstandard

from pail.car import MAX_SHARD_BYTES
from space.layout import SMALL_SHARD_BYTES

FRAME_BYTES = 1 << 20
"""Plain bytes of a frame of anything larger. Measured: see spec/space.md."""

MAX_FRAME_BYTES = 8 << 20
"""Plain bytes of the largest frame that is read."""

MAX_FRAMES = MAX_SHARD_BYTES // 1024
"""Most frames of one table."""

LEVEL, FAST_LEVEL = 9, 3
"""Of a shard in one frame, as each day's is, and of a larger one's. Measured: see spec/space.md."""

WORTH_IT = 0.9
"""What shrinks to less than this rests packed."""

_THREADS = min(4, os.cpu_count() or 1)

_HEAD, _ENTRY, _FOOT = struct.Struct("<II"), struct.Struct("<II"), struct.Struct("<IBI")
_HEAD_MAGIC, _FOOT_MAGIC, _CHECKSUMS = 0x184D2A5E, 0x8F92EAB1, 0x80

FOOT_BYTES = _FOOT.size

_MAX_HEAD_BYTES = 18
_RUN = 1
"""The kind of a zstd block that is one byte, repeated (RFC 8878, 3.1.1.2)."""


class BadFrames(ValueError):
    """Bytes that are no such table, or a frame that is not what the table says."""


class Frame(NamedTuple):
    """Where a frame rests, and which plain bytes it gives."""

    offset: int
    size: int
    plain_offset: int
    plain_size: int


def is_worth_packing(sample: bytes) -> bool:
    """Whether bytes that begin so become much smaller. Media does not: it is compressed already."""
    return len(zstandard.ZstdCompressor(level=1).compress(sample)) < len(sample) * WORTH_IT


def pack(content: Iterable[bytes]) -> Iterator[bytes]:
    """What rests of the bytes that come in pieces: their frames in order, and the table.

    Some frames are compressed at once while others are taken. The same bytes give the same, however cut.
    """
    sizes: list[tuple[int, int]] = []
    waiting: deque[Future[tuple[bytes, int]]] = deque()
    with ThreadPoolExecutor(_THREADS) as pool:
        for plain in _cut(content):
            waiting.append(pool.submit(_compress, plain))
            if len(waiting) > _THREADS:
                yield _next(waiting, sizes)
        while waiting:
            yield _next(waiting, sizes)
    yield encode_table(sizes)


def _cut(content: Iterable[bytes]) -> Iterator[bytes]:
    """The plain bytes of each frame: of all if they are few."""
    uncut, is_small = bytearray(), True
    for piece in content:
        if not is_small and not uncut and len(piece) == FRAME_BYTES:  # as a draft is read: not copied
            yield piece
            continue
        uncut += piece
        if len(uncut) > SMALL_SHARD_BYTES:
            is_small = False
        while not is_small and len(uncut) >= FRAME_BYTES:
            yield bytes(uncut[:FRAME_BYTES])
            del uncut[:FRAME_BYTES]
    if uncut:
        yield bytes(uncut)


def _next(waiting: deque[Future[tuple[bytes, int]]], sizes: list[tuple[int, int]]) -> bytes:
    frame, plain_size = waiting.popleft().result()
    sizes.append((len(frame), plain_size))
    return frame


def _compress(content: bytes) -> tuple[bytes, int]:
    """A frame, and the size of its plain bytes."""
    frame = zstandard.ZstdCompressor(
        level=FAST_LEVEL if len(content) == FRAME_BYTES else LEVEL, write_checksum=True
    ).compress(content)
    return frame, len(content)


def unpack(frame: bytes, plain_size: int) -> bytes:
    """The plain bytes of one frame. Raises BadFrames unless there are `plain_size` of them."""
    try:
        told = zstandard.get_frame_parameters(frame[:_MAX_HEAD_BYTES]).content_size
        if told not in (plain_size, zstandard.CONTENTSIZE_UNKNOWN):  # by which it would be allocated
            raise BadFrames(f"a frame of {told} bytes where {plain_size} are due")
        plain = zstandard.ZstdDecompressor().decompress(frame, max_output_size=max(plain_size, 1))
    except zstandard.ZstdError as error:
        raise BadFrames(str(error)) from error
    if len(plain) != plain_size:
        raise BadFrames(f"a frame of {len(plain)} bytes where {plain_size} are due")
    return plain


def encode_table(sizes: Sequence[tuple[int, int]]) -> bytes:
    """The table of frames, by size and plain size."""
    entries = b"".join(_ENTRY.pack(*each) for each in sizes)
    foot = _FOOT.pack(len(sizes), 0, _FOOT_MAGIC)
    return _HEAD.pack(_HEAD_MAGIC, len(entries) + len(foot)) + entries + foot


def table_bytes(foot: bytes) -> int:
    """How many bytes the table has that ends with `foot`. Raises BadFrames."""
    if len(foot) != FOOT_BYTES:
        raise BadFrames("too short for a table of frames")
    count, flags, magic = _FOOT.unpack(foot)
    if magic != _FOOT_MAGIC or flags & ~_CHECKSUMS or count > MAX_FRAMES:
        raise BadFrames("no table of frames at the end")
    return _HEAD.size + count * _entry_bytes(flags) + FOOT_BYTES


def decode_table(table: bytes, size: int) -> list[Frame]:
    """The frames of an object of `size` bytes that ends with `table`. Raises BadFrames."""
    if len(table) != table_bytes(table[-FOOT_BYTES:]):
        raise BadFrames("the table of frames is cut short")
    if _HEAD.unpack_from(table) != (_HEAD_MAGIC, len(table) - _HEAD.size):
        raise BadFrames("no table of frames at the end")
    step = _entry_bytes(table[-5])
    sizes = [_ENTRY.unpack_from(table, at) for at in range(_HEAD.size, len(table) - FOOT_BYTES, step)]
    if sum(packed for packed, _ in sizes) + len(table) != size:
        raise BadFrames("the table of frames is that of another object")
    if max((plain for _, plain in sizes), default=0) > MAX_FRAME_BYTES:
        raise BadFrames(f"a frame of more than {MAX_FRAME_BYTES} bytes")
    if sum(plain for _, plain in sizes) > MAX_SHARD_BYTES:
        raise BadFrames(f"frames of more than {MAX_SHARD_BYTES} bytes")
    offsets = accumulate((packed for packed, _ in sizes), initial=0)
    plain_offsets = accumulate((plain for _, plain in sizes), initial=0)
    return [
        Frame(at, packed, plain_at, plain)
        for at, plain_at, (packed, plain) in zip(offsets, plain_offsets, sizes, strict=False)
    ]


def _entry_bytes(flags: int) -> int:
    return _ENTRY.size + (4 if flags & _CHECKSUMS else 0)


def salvage(packed: bytes) -> bytes:
    """The plain bytes of the frames that can be followed from the start, without any table."""
    plain, at = list[bytes](), 0
    try:
        while at < len(packed) and sum(map(len, plain)) < MAX_SHARD_BYTES:
            end, plain_size = _frame_end(packed, at)
            plain.append(unpack(packed[at:end], plain_size))
            at = end
    except BadFrames:
        pass
    return b"".join(plain)


def _frame_end(packed: bytes, at: int) -> tuple[int, int]:
    """Where the frame at `at` ends, and how many plain bytes it says it has. Raises BadFrames."""
    head = packed[at : at + _MAX_HEAD_BYTES]
    try:
        told = zstandard.get_frame_parameters(head)
        at += zstandard.frame_header_size(head)
    except zstandard.ZstdError as error:
        raise BadFrames(str(error)) from error
    if told.content_size > MAX_FRAME_BYTES:
        raise BadFrames(f"a frame of more than {MAX_FRAME_BYTES} bytes")
    last = False
    while not last and at + 3 <= len(packed):
        block = int.from_bytes(packed[at : at + 3], "little")
        last, kind = bool(block & 1), block >> 1 & 3
        at += 3 + (1 if kind == _RUN else block >> 3)
    if not last:
        raise BadFrames("a frame is cut short")
    return at + (4 if told.has_checksum else 0), told.content_size
