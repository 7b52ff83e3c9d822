"""Where blocks stand in a CAR shard: the slices of its index object, sorted, as they are encoded there.

One shard may hold 130,000 blocks. A row of SQLite for each would cost seven times their hashing,
so the index takes them by pages: all slices whose digests share their first bits, one after the
other, in the very bytes that the index object has. They are made once for both.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from space.sharded_dag_index import PAIR_OF_MULTIHASH

DIGEST_BYTES = 32

PAGE_BITS = 12
"""Pages are numbered by so many bits of the digest: a repository of 100,000 records fills 4096 pages
with some 30 places each, and a backup of one post touches as many pages as it has blocks."""

_HEAD = PAIR_OF_MULTIHASH + b"\x12\x20"  # what every slice starts with; the digest follows


class Slot(NamedTuple):
    """offset, size: in bytes, of a block's content in the file of the shard `shard` (its row)."""

    shard: int
    offset: int
    size: int


def pages_of(slices: Sequence[bytes]) -> Iterator[tuple[int, bytes]]:
    """Each page that holds any place: its number, rising, and its slices one after the other.

    slices: as `sharded_dag_index.encode_slices` gives them.
    """
    start = 0
    while start < len(slices):
        page = page_number(slices[start][len(_HEAD) :])
        above = _HEAD + (page + 1 << (16 - PAGE_BITS)).to_bytes(3, "big")[1:]
        end = bisect_left(slices, above, start + 1) if page + 1 < 1 << PAGE_BITS else len(slices)
        yield page, b"".join(slices[start:end])
        start = end


def page_number(digest: bytes) -> int:
    """The page that has the place of `digest`, if it has one."""
    return (digest[0] << 8 | digest[1]) >> (16 - PAGE_BITS)


def place_in(page: bytes, digest: bytes, shard: int) -> Slot | None:
    """The place of `digest` in a page of `shard`, None if it has none."""
    at = page.find(_HEAD + digest)
    return Slot(shard, *_offset_and_size(page, at + len(_HEAD) + DIGEST_BYTES)[:2]) if at >= 0 else None


def places_in(page: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Digest, offset and size of every place of a page."""
    at = 0
    while at < len(page):
        digest_at = at + len(_HEAD)
        offset, size, at = _offset_and_size(page, digest_at + DIGEST_BYTES)
        yield page[digest_at : digest_at + DIGEST_BYTES], offset, size


def _offset_and_size(page: bytes, at: int) -> tuple[int, int, int]:
    """The two numbers behind a digest, and where they end."""
    offset, at = _number(page, at + 1)  # behind the head of a list of two
    size, at = _number(page, at)
    return offset, size, at


def _number(page: bytes, at: int) -> tuple[int, int]:
    """The CBOR integer at `at`, and where it ends."""
    first = page[at]
    if first < 24:
        return first, at + 1
    end = at + 1 + (1 << (first - 24))
    return int.from_bytes(page[at + 1 : end], "big"), end
