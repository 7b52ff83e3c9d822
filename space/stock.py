"""Reads a CAR shard from end to end and says what stands where.

A shard is whole if its bytes hash to its name and every block to its CID. Only then may other
blocks be left unwritten because this shard has them (S3); so each file is read once by each
machine before anything counts on it, and not again while its size and time of change stay.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import accumulate

from pail import CID, DecodeError, TooLarge
from pail.car import CarReader
from pail.varint import decode_varint
from space.place import Opened
from space.slices import Slices, encode_slices

MAX_BLOCK_BYTES = 8 << 20
"""Largest block in a shard; that of `pail.dag_cbor`."""

READ_BYTES = 1 << 20


def chunks(shard: Opened) -> Iterator[bytes]:
    """The shard's bytes in pieces of READ_BYTES; closes it at the end."""
    try:
        at = 0
        while chunk := shard.read(at, READ_BYTES):
            at += len(chunk)
            yield chunk
    finally:
        shard.close()


def take_stock(opened: Opened, shard: CID) -> Slices | None:
    """The slices of the blocks of a whole shard, None if `opened` is not `shard` whole; closes it.

    Raises OSError, FileNotFoundError among it.
    """
    reader, hashed = CarReader(max_block_bytes=MAX_BLOCK_BYTES), hashlib.sha256()
    multihashes, sizes, heads, start = list[bytes](), list[int](), list[int](), 0
    try:
        for chunk in chunks(opened):
            start = start or sum(decode_varint(chunk))  # where the header ends
            hashed.update(chunk)
            for cid, content in reader.feed(chunk):
                multihashes.append(cid[-34:])
                sizes.append(len(content))
                heads.append(len(cid) + varint_size(len(cid) + len(content)))
        reader.close()
    except (DecodeError, TooLarge):
        return None
    if hashed.digest() != shard[-32:]:
        return None
    return encode_slices(zip(multihashes, _offsets(start, heads, sizes), sizes, strict=False))


def _offsets(start: int, heads: list[int], sizes: list[int]) -> Iterator[int]:
    """Where each block's content starts, in a CAR whose header ends at `start`."""
    frames = accumulate(map(int.__add__, heads, sizes), initial=start)
    return map(int.__add__, frames, heads)


def varint_size(value: int) -> int:
    """The bytes of the varint of `value`."""
    return max(1, (value.bit_length() + 6) // 7)
