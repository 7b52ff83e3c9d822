"""Finds what is still good in a CAR shard that is not whole, and names what is not.

The shard's index says where every block stands, so one torn frame hides no other block. Without
an index the frames are followed one by one, up to the first that cannot be followed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from pail import CID, DAG_CBOR, RAW, DecodeError, HashMismatch, verify_block
from pail.car import MAX_HEADER_BYTES, MAX_SHARD_BYTES, encode_car_header
from pail.cid import MAX_CID_BYTES, cid_prefix, decode_cid_prefix
from pail.dag_cbor import decode_dag_cbor
from pail.errors import PailError
from pail.varint import MAX_VARINT_BYTES, decode_varint, encode_varint
from space.stock import MAX_BLOCK_BYTES

Read = Callable[[int, int], bytes]
"""Offset and size to bytes, fewer where the file ends."""

MAX_HEAD_BYTES = MAX_VARINT_BYTES + MAX_CID_BYTES


class Good(NamedTuple):
    """A block that hashes to its CID, and where its content stands."""

    cid: CID
    offset: int
    size: int


class Fault(NamedTuple):
    """A damaged place. loses: whether a block's content is damaged, not only what stands around it."""

    cid: CID | None
    offset: int
    cause: str
    loses: bool


class Examination(NamedTuple):
    """What a file that is not whole still holds. cut_short: it ends before its last block does."""

    good: list[Good]
    faults: list[Fault]
    cut_short: bool


def examine(read: Read, size_bytes: int, places: Sequence[tuple[bytes, int, int]] | None) -> Examination:
    """Look at every block of a shard file of `size_bytes`.

    places: digest, offset and size of each block, in any order, if an index is at hand.
    """
    found = _follow(read, size_bytes) if places is None else _look_up(read, sorted(places, key=_by_offset))
    cut_short = found.cut_short or any(offset + size > size_bytes for _, offset, size in places or ())
    return found._replace(cut_short=cut_short)


def _by_offset(place: tuple[bytes, int, int]) -> int:
    return place[1]


def _look_up(read: Read, places: Sequence[tuple[bytes, int, int]]) -> Examination:
    good, faults, end = list[Good](), list[Fault](), 0
    for digest, offset, size in places:
        head = read(end, min(offset - end, MAX_HEADER_BYTES + MAX_HEAD_BYTES))
        content = read(offset, size)
        named = _cid_of_head(head, digest, size)
        cid = named or _likely_cid(digest, content)
        fault = _fault(cid, offset, content, size)
        if fault:
            faults.append(fault)
        else:
            good.append(Good(cid, offset, size))
        if named is None:
            faults.append(Fault(cid, end, "the frame's head is damaged", loses=False))
        end = offset + size
    if not places or not faults:
        faults.append(Fault(None, 0, "the header or the end of the file is damaged", loses=False))
    return Examination(good, sorted(faults, key=lambda fault: fault.offset), cut_short=False)


def _fault(cid: CID, offset: int, content: bytes, size: int) -> Fault | None:
    try:
        verify_block(cid, content)
    except HashMismatch:
        cause = (
            "the file ends inside the block" if len(content) < size else "the block does not hash to its CID"
        )
        return Fault(cid, offset, cause, loses=True)
    except DecodeError as error:
        return Fault(cid, offset, str(error), loses=True)
    return None


def _cid_of_head(before: bytes, digest: bytes, size: int) -> CID | None:
    """The CID that ends `before`, if it and the length in front of it are right."""
    for prefix in (cid_prefix(DAG_CBOR), cid_prefix(RAW), b"\x01\x70\x12\x20", b"\x12\x20"):
        cid = CID(prefix + digest)
        if before.endswith(encode_varint(len(cid) + size) + cid):
            return cid
    return None


def _likely_cid(digest: bytes, content: bytes) -> CID:
    """The CID of a block whose name is lost but for its hash."""
    try:
        decode_dag_cbor(content)
    except PailError:
        return CID(cid_prefix(RAW) + digest)
    return CID(cid_prefix(DAG_CBOR) + digest)


def _follow(read: Read, size_bytes: int) -> Examination:
    good, faults = list[Good](), list[Fault]()
    at = len(encode_car_header())
    if read(0, at) != encode_car_header():
        faults.append(Fault(None, 0, "the header is damaged", loses=False))
    while at < min(size_bytes, MAX_SHARD_BYTES):
        try:
            cid, offset, size = _frame(read(at, MAX_HEAD_BYTES), at)
        except DecodeError as error:
            faults.append(Fault(None, at, f"cannot be read from here on: {error}", loses=True))
            return Examination(good, faults, cut_short=at + MAX_HEAD_BYTES > size_bytes)
        fault = _fault(cid, offset, read(offset, size), size)
        if fault:
            faults.append(fault)
        else:
            good.append(Good(cid, offset, size))
        at = offset + size
    if not faults or not good:  # it is not whole, so more was behind: of whatever it had, if none is here
        faults.append(Fault(None, min(at, size_bytes), "the file ends before its shard does", loses=True))
        return Examination(good, faults, cut_short=True)
    return Examination(good, faults, cut_short=at > size_bytes)


def _frame(head: bytes, at: int) -> tuple[CID, int, int]:
    """The CID of the frame at `at`, and offset and size of its content."""
    length, start = decode_varint(head)
    cid, end = decode_cid_prefix(head, start)
    size = length - (end - start)
    if not 0 <= size <= MAX_BLOCK_BYTES:
        raise DecodeError(f"a block of {size} bytes")
    return cid, at + end, size
