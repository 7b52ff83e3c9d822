"""Delegations as files: a CAR of the delegation's blocks and a block that names it.

The root is `{"ucan@0.9.1": link}`, the last of the blocks. That is what a `.ucan` file holds.

Source: @ucanto/core 10.4.6, delegation
"""

from __future__ import annotations

from pail.car import CarReader, encode_car
from pail.cid import CID
from pail.dag_cbor import decode_dag_cbor, encode_block
from pail.errors import DecodeError, TooLarge
from ucan.delegation import Delegation, view_delegation

MAX_CAR_BLOCKS = 1 << 15
"""Blocks of one archive or message: many small ones take more memory than they have bytes."""

MAX_ARCHIVE_BYTES = 8 << 20

_CHUNK_BYTES = 1 << 18
"""Taken apart at once, so that a bomb is found by its first blocks."""

_VARIANT = "ucan@0.9.1"


def encode_archive(delegation: Delegation) -> bytes:
    """The CAR of a delegation with all blocks that came along."""
    root = encode_block({_VARIANT: delegation.cid})
    return encode_car([root.cid], [*delegation.export(), root])


def decode_archive(data: bytes) -> Delegation:
    """The delegation of an archive; every block is hashed. Raises DecodeError, TooLarge, MissingBlock."""
    if len(data) > MAX_ARCHIVE_BYTES:
        raise TooLarge(f"archive of {len(data)} bytes; the limit is {MAX_ARCHIVE_BYTES}")
    root, blocks = read_blocks(data)
    match decode_dag_cbor(blocks[root]):
        case {"ucan@0.9.1": CID() as cid, **rest} if not rest:
            return view_delegation(cid, blocks)
        case _:
            raise DecodeError("the archive's root does not name a UCAN of version 0.9.1")


def read_blocks(car: bytes) -> tuple[CID, dict[CID, bytes]]:
    """The one root of a CAR, which it holds, and its blocks by CID, each hashed (T1).

    Raises DecodeError, HashMismatch, TooLarge past MAX_CAR_BLOCKS.
    """
    reader = CarReader()
    blocks: dict[CID, bytes] = {}
    count = 0
    for at in range(0, len(car), _CHUNK_BYTES):
        taken = reader.feed(car[at : at + _CHUNK_BYTES])
        count += len(taken)
        if count > MAX_CAR_BLOCKS:
            raise TooLarge(f"CAR of more than {MAX_CAR_BLOCKS} blocks")
        blocks.update(taken)
    reader.close()
    match reader.roots:
        case (root,) if root in blocks:
            return root, blocks
        case _:
            raise DecodeError("the CAR does not have one root that it holds")
