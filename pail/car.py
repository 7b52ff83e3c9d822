"""CARv1: a header that names roots, then blocks, each framed as varint length, CID, bytes.

No I/O: bytes are fed, blocks are taken, as in h11. A block comes out only when it is whole and
hashes to its CID (T1), so what was taken is good even if the stream breaks later. Each length
is judged as soon as it is read, and nothing beyond one frame is held.

Only blocks named by SHA2-256 are taken: another hash cannot be checked here, and a block under an
identity CID would be its own name. A hash covers the bytes, not the codec: under a CID of another
codec a block is simply another block, and missing under its own. Blocks may repeat and come in any
order. The header may name no root (a shard before the last of its upload), and roots whose blocks
are elsewhere.

Source: https://ipld.io/specs/transport/car/carv1/
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, cast

from pail.cid import CID, DAG_CBOR, MAX_CID_BYTES, RAW, cid_prefix, decode_cid_prefix, verify_block
from pail.dag_cbor import Block, Value, decode_dag_cbor, encode_dag_cbor
from pail.errors import DecodeError, PailError, TooLarge
from pail.varint import MAX_VARINT_BYTES, decode_varint, encode_varint

MAX_HEADER_BYTES = 64 << 10
"""Room for some 1,500 roots; ours have at most one."""

MAX_CAR_BLOCK_BYTES = 2 << 20
"""Default limit on one block. The largest that atproto and UnixFS make is 1 MiB."""

MAX_SHARD_BYTES = 133_169_152
"""Largest CAR shard."""


class CarReader:
    """Takes a CAR apart while it arrives.

    max_block_bytes: a larger block is refused when its length is seen; at least 16 KiB.
    After an error the reader is spent: every further call raises that error again.
    """

    def __init__(self, *, max_block_bytes: int = MAX_CAR_BLOCK_BYTES) -> None:
        assert max_block_bytes >= 1 << 14, "the quick scan takes any block of a two-byte length"
        self._max_block_bytes = max_block_bytes
        self._roots: tuple[CID, ...] | None = None
        self._rest = bytearray()  # the start of one unfinished frame
        self._needed = 1  # how long `_rest` must be before another look is worth it
        self._error: PailError | None = None

    @property
    def roots(self) -> tuple[CID, ...] | None:
        """What the header names, None until it is whole. No hash covers it: compare before trusting."""
        return self._roots

    def feed(self, chunk: bytes) -> list[Block]:
        """The blocks that `chunk` completes, in order, each checked against its CID.

        Raises HashMismatch for a block that is not what its CID says, DecodeError for bytes
        that are no CARv1, TooLarge for a header or block above its limit. Good blocks before
        the fault in the same chunk are not returned.
        """
        if self._error:
            raise self._error
        if self._rest:
            self._rest += chunk
            if len(self._rest) < self._needed:
                return []
            chunk = bytes(self._rest)
        try:
            at, blocks = self._take(chunk)
        except PailError as error:
            self._error, self._rest = error, bytearray()
            raise
        self._rest = bytearray(chunk[at:])
        return blocks

    def close(self) -> None:
        """The stream has ended. Raises DecodeError if it ended before the header or inside a frame."""
        if self._error:
            raise self._error
        if self._rest or self._roots is None:
            self._error = DecodeError("CAR is cut short")
            raise self._error

    def _take(self, data: bytes) -> tuple[int, list[Block]]:
        """All blocks of `data`, and the offset of the frame that is not whole yet."""
        at, blocks = 0, list[Block]()
        while True:
            if self._roots is not None:
                at = _scan(data, at, blocks)
            limit = MAX_HEADER_BYTES if self._roots is None else self._max_block_bytes + MAX_CID_BYTES
            start, end = _frame(data, at, limit)
            if end > len(data):
                self._needed = end - at
                return at, blocks
            if self._roots is None:
                self._roots = _decode_header(data[start:end])
            else:
                blocks.append(_decode_block(data[start:end], self._max_block_bytes))
            at = end


def scan_plainly(data: bytes, at: int, blocks: list[Block]) -> int:
    """Append the blocks from `at` on, up to the first frame that is not whole or not common.

    Common is a length of two bytes or less and a CIDv1 of DAG-CBOR or raw by SHA2-256. This loop
    is most of what reading a repository costs, hence no call and no allocation without need: the
    CID is made of the digest and looked for, rather than cut out and compared. `_scan.c` is the same
    in C, for where it could be compiled.
    """
    size, sha256, append = len(data), hashlib.sha256, blocks.append
    new = cast(Any, tuple).__new__  # what Block(cid, content) calls, without its detour
    dag_cbor, raw = cid_prefix(DAG_CBOR), cid_prefix(RAW)
    while at + 1 < size:
        length = data[at]
        start = at + 1
        if length > 0x7F:
            more = data[start]
            if not 0 < more < 0x80:
                break
            length, start = length & 0x7F | more << 7, start + 1
        end = start + length
        if end > size or length < 36:
            break
        content = data[start + 36 : end]
        digest = sha256(content).digest()
        cid = CID(dag_cbor + digest)
        if not data.startswith(cid, start):
            cid = CID(raw + digest)
            if not data.startswith(cid, start):
                break
        append(new(Block, (cid, content)))
        at = end
    return at


def mentioning_plainly(blocks: list[Block], part: bytes) -> list[CID]:
    """Those of `blocks` that have `part`, which is not empty, anywhere in their bytes."""
    return [cid for cid, content in blocks if part in content]


try:
    from pail._scan import mentioning as mentioning
    from pail._scan import scan as _scan
except ImportError:  # not compiled
    _scan, mentioning = scan_plainly, mentioning_plainly


def _frame(data: bytes, at: int, limit: int) -> tuple[int, int]:
    """Where the frame at `at` starts and ends behind its length.

    An end behind the data says how many bytes to wait for: one more if the length is cut short.
    """
    head = data[at : at + MAX_VARINT_BYTES]
    if len(head) < MAX_VARINT_BYTES and all(byte > 0x7F for byte in head):
        return at, len(data) + 1
    length, start = decode_varint(data, at)
    if length > limit:
        raise TooLarge(f"CAR frame of {length} bytes at the limit of {limit}")
    return start, start + length


def _decode_header(header: bytes) -> tuple[CID, ...]:
    value: Value = decode_dag_cbor(header)
    if not isinstance(value, dict):
        raise DecodeError("CAR header is no map")
    fields = cast(dict[str, Any], value)
    if fields.get("version") == 2:
        raise DecodeError("this is a CARv2; only CARv1 is read")
    roots = fields.get("roots")
    if fields.keys() != {"roots", "version"} or type(fields["version"]) is not int or fields["version"] != 1:
        raise DecodeError("CAR header is not {roots, version: 1}")
    if not isinstance(roots, list) or not all(isinstance(root, CID) for root in cast(list[Any], roots)):
        raise DecodeError("CAR header's roots are no list of CIDs")
    return tuple(cast(list[CID], roots))


def _decode_block(frame: bytes, max_block_bytes: int) -> Block:
    cid, at = decode_cid_prefix(frame)
    if len(frame) - at > max_block_bytes:
        raise TooLarge(f"block of {len(frame) - at} bytes at the limit of {max_block_bytes}: {cid}")
    content = frame[at:]
    verify_block(cid, content)
    return Block(cid, content)


def encode_car_header(roots: Sequence[CID] = ()) -> bytes:
    """The header of a CAR, its length before it."""
    header = encode_dag_cbor({"roots": list(roots), "version": 1})
    assert len(header) <= MAX_HEADER_BYTES
    return encode_varint(len(header)) + header


def car_frame_head(cid: CID, size_bytes: int) -> bytes:
    """What stands before the `size_bytes` of the block `cid`."""
    return encode_varint(len(cid) + size_bytes) + cid


def encode_frame(cid: CID, data: bytes) -> bytes:
    """A block as a CAR holds it."""
    return car_frame_head(cid, len(data)) + data


def encode_car(roots: Sequence[CID], blocks: Iterable[Block]) -> bytes:
    """A whole CAR; for what is small enough to hold."""
    return encode_car_header(roots) + b"".join(encode_frame(cid, data) for cid, data in blocks)


class Slice(NamedTuple):
    """Where a block's bytes (without their frame's head) stand in a CAR shard."""

    multihash: bytes
    offset: int
    length: int
