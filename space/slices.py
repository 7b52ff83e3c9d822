"""The slices of a shard's blocks, `[multihash, [offset, length]]`, as its index object holds them.

They are made once for that object and for this machine's index, which takes them by **pages**: all
slices whose digests share their first bits, one after the other. One shard may hold 130,000 blocks,
and a row of SQLite for each would cost seven times their hashing.
"""

from __future__ import annotations

import struct
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from pail.dag_cbor import encode_dag_cbor

PAGE_BITS = 12
"""Pages are numbered by so many bits of the digest: a repository of 100,000 records fills 4096 pages
with some 30 places each, and a backup of one post touches as many pages as it has blocks."""

DIGEST_BYTES = 32
MULTIHASH_BYTES = 2 + DIGEST_BYTES

SLICE_HEAD = b"\x82\x58\x22\x12\x20"
"""What every slice starts with: a list of two, the first 34 bytes, by SHA2-256. The digest follows."""

_COMMON = struct.Struct(">3s34sBBIBH")  # an offset of four bytes, a length of two
_SMALL = struct.Struct(">3s34sBBIBB")  # an offset of four bytes, a length of one


class Slices(NamedTuple):
    """Slices in the order of their digests."""

    blocks: int
    pages: list[bytes]
    """All of them one after the other, cut into 2**PAGE_BITS pages."""


def page_number(digest: bytes) -> int:
    """The page that has the slice of `digest`, if one has it."""
    return (digest[0] << 8 | digest[1]) >> (16 - PAGE_BITS)


def encode_slices_plainly(blocks: Iterable[tuple[bytes, int, int]]) -> Slices:
    """The DAG-CBOR of each slice, once for each multihash; of a block that stands twice, the last place.

    blocks: name, offset and length of each, numbers below 2**64. The last 34 bytes of a name, which may
    be a CID, are its multihash by SHA2-256.
    Put together by hand, since 130,000 small lists cost the collector more than hashing their blocks.
    `_shard.c` has the same in C.
    """
    pair, common, small = SLICE_HEAD[:3], _COMMON.pack, _SMALL.pack
    named = ((name[-MULTIHASH_BYTES:], offset, length) for name, offset, length in blocks)
    slices = {
        multihash: common(pair, multihash, 0x82, 0x1A, offset, 0x19, length)
        if 0xFFFF < offset <= 0xFFFFFFFF and 0xFF < length <= 0xFFFF
        else small(pair, multihash, 0x82, 0x1A, offset, 0x18, length)
        if 0xFFFF < offset <= 0xFFFFFFFF and 23 < length <= 0xFF
        else encode_dag_cbor([multihash, [offset, length]])
        for multihash, offset, length in named
    }
    in_order = sorted(slices.values())
    assert set(map(len, slices)) <= {MULTIHASH_BYTES}, "blocks are named by sha2-256"
    for first_or_last in in_order[:1] + in_order[-1:]:  # where a hash of another code would sort to
        assert first_or_last.startswith(SLICE_HEAD), "blocks are named by sha2-256"
    return Slices(len(in_order), list(_cut(in_order)))


def _cut(slices: list[bytes]) -> Iterator[bytes]:
    start = 0
    for page in range(1, 1 << PAGE_BITS):
        above = SLICE_HEAD + (page << (16 - PAGE_BITS)).to_bytes(2, "big")
        end = bisect_left(slices, above, start)
        yield b"".join(slices[start:end])
        start = end
    yield b"".join(slices[start:])


try:
    from space import _shard
except ImportError:  # not compiled
    encode_slices = encode_slices_plainly
else:

    def encode_slices(blocks: Iterable[tuple[bytes, int, int]]) -> Slices:
        """As `encode_slices_plainly`."""
        return Slices(*_shard.encode_slices(blocks))


NO_SLICES = encode_slices(())
