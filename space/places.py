"""Where blocks stand in a CAR shard, packed: 40 bytes for each, sorted by digest.

One shard may hold 130,000 blocks. A row of the index for each of them would cost seven times
their hashing, so the index takes them by pages: all places whose digests share their first bits.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from struct import Struct
from typing import NamedTuple, cast

DIGEST_BYTES = 32
PLACE_BYTES = 40

PAGE_BITS = 12
"""Pages are numbered by so many bits of the digest: a repository of 100,000 records fills 4096 pages
with some 30 places each, and a backup of one post touches as many pages as it has blocks."""

_PLACE = Struct(">32sII")
_TAIL = Struct(">II")


class Place(NamedTuple):
    """offset, size: in bytes, of a block's content in the file of the shard `shard` (its row)."""

    shard: int
    offset: int
    size: int


def pack_places(digests: Iterable[bytes], offsets: Iterable[int], sizes: Iterable[int]) -> list[bytes]:
    """The packed places in order of their digests; a digest that comes twice stays twice."""
    return sorted(map(bytes.__add__, digests, map(_TAIL.pack, offsets, sizes)))


def unpack_places(packed: Iterable[bytes]) -> Iterator[tuple[bytes, int, int]]:
    """Digest, offset and size of each."""
    return cast(Iterator[tuple[bytes, int, int]], _PLACE.iter_unpack(b"".join(packed)))


def pages_of(packed: Sequence[bytes]) -> Iterator[tuple[int, bytes]]:
    """Each page that holds any place: its number, rising, and its places one after the other.

    packed: as `pack_places` gives it.
    """
    start, joined = 0, b"".join(packed)
    while start < len(packed):
        page = page_number(packed[start])
        above = (page + 1 << (16 - PAGE_BITS)).to_bytes(3, "big")[1:]
        end = bisect_left(packed, above, start + 1) if page + 1 < 1 << PAGE_BITS else len(packed)
        yield page, joined[start * PLACE_BYTES : end * PLACE_BYTES]
        start = end


def page_number(digest: bytes) -> int:
    """The page that has the place of `digest`, if it has one."""
    return (digest[0] << 8 | digest[1]) >> (16 - PAGE_BITS)


def places_in(page: bytes, digest: bytes, shard: int) -> Iterator[Place]:
    """The places of `digest` in a page of `shard`."""
    at = page.find(digest)
    while at >= 0:
        if at % PLACE_BYTES == 0:
            yield Place(shard, *_TAIL.unpack_from(page, at + DIGEST_BYTES))
        at = page.find(digest, at + 1)
