"""The index of CAR shards: where in which shard each block's bytes stand; `index/sharded/dag@0.1`.

An index is itself a CAR. Its root names the content and, for each shard in the order of their
digests, a block `[shard's multihash, [[multihash, [offset, length]], …]]`, slices in the order of
their digests. The shard is a slice of itself, from 0 to its size. Blocks are named by multihash,
so the codec is not recorded. Byte-equal with what the JavaScript uploader writes.

Source: https://github.com/storacha/specs/blob/main/w3-index.md
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

from pail import CAR, CID, DAG_CBOR, DecodeError, TooLarge, cid_of
from pail.car import CarReader, Slice, encode_car
from pail.cid import cid_prefix
from pail.dag_cbor import MAX_BLOCK_BYTES, Block, Value, decode_dag_cbor, encode_block, encode_dag_cbor
from space.places import start_behind
from space.slices import MULTIHASH_BYTES, SLICE_HEAD, Slices, encode_slices, page_number

VERSION = "index/sharded/dag@0.1"

MAX_SLICES = 160_000
"""Most blocks of one shard: so many fit one block of DAG-CBOR. A shard with more is two shards."""

MAX_SHARDS = 1024
"""Most shards of one index."""

MAX_INDEX_BYTES = 64 << 20
"""Largest index that is decoded."""

_SHA2_256 = b"\x12\x20"


class ShardSlices(NamedTuple):
    """A CAR shard, its size, and the slices of its blocks; a block that it holds twice, once."""

    shard: CID
    size_bytes: int
    slices: Sequence[Slice]


class ShardedDagIndex(NamedTuple):
    """Where the blocks of `content` stand."""

    content: CID
    shards: tuple[ShardSlices, ...]


def encode_index(index: ShardedDagIndex) -> bytes:
    """The CAR of `index`; neither its shards nor their slices need be in order.

    Of a block that is in a shard twice the last place counts. Raises TooLarge past MAX_SLICES
    in one shard, or MAX_SHARDS.
    """
    if len(index.shards) > MAX_SHARDS:
        raise TooLarge(f"index of {len(index.shards)} shards; the limit is {MAX_SHARDS}")
    shards = {shard.shard.multihash: shard for shard in index.shards}
    in_order = [shards[multihash] for multihash in sorted(shards)]
    blocks = [_encode_shard(shard, size, encode_slices(slices)) for shard, size, slices in in_order]
    return _encode_root(index.content, blocks)


def decode_index(data: bytes) -> ShardedDagIndex:
    """The index of a CAR that `encode_index` could have written.

    Shards and slices come in the order of their digests, every slice lies within its shard.
    Raises DecodeError for anything else, TooLarge past the limits above.
    """
    if len(data) > MAX_INDEX_BYTES:
        raise TooLarge(f"index of {len(data)} bytes; the limit is {MAX_INDEX_BYTES}")
    reader = CarReader(max_block_bytes=MAX_BLOCK_BYTES)
    blocks = reader.feed(data)
    reader.close()
    if not blocks or reader.roots != (blocks[0].cid,):
        raise DecodeError("index is not a CAR that starts with its one root")
    content, links = _decode_root(blocks[0])
    if links != [block.cid for block in blocks[1:]]:
        raise DecodeError("index does not hold the shards that it names, in order")
    index = ShardedDagIndex(content, tuple(_decode_shard(block.data) for block in blocks[1:]))
    if encode_index(index) != data:
        raise DecodeError("index is not in its canonical form")
    return index


def encode_shard_index(shard: CID, size_bytes: int, slices: Slices) -> bytes:
    """The index of one shard, whose slices these are, with itself as its content."""
    return _encode_root(shard, [_encode_shard(shard, size_bytes, slices)])


def _encode_root(content: CID, shards: Sequence[Block]) -> bytes:
    root = encode_block({VERSION: {"content": content, "shards": [block.cid for block in shards]}})
    return encode_car([root.cid], [root, *dict.fromkeys(shards)])


def _encode_shard(shard: CID, size_bytes: int, slices: Slices) -> Block:
    if slices.blocks > MAX_SLICES:
        raise TooLarge(f"shard of {slices.blocks} blocks; the limit is {MAX_SLICES}")
    own = shard.multihash
    number = page_number(own[-32:])
    page = slices.pages[number]
    at = start_behind(page, own[-32:])
    parts = [SLICE_HEAD[:3], own, _array_head(slices.blocks + 1), *slices.pages]
    parts[3 + number] = page[:at] + encode_dag_cbor([own, [0, size_bytes]]) + page[at:]
    data = b"".join(parts)
    return Block(cid_of(DAG_CBOR, data), data)


def _array_head(count: int) -> bytes:
    if count < 24:
        return bytes((0x80 | count,))
    if count < 1 << 8:
        return bytes((0x98, count))
    return struct.pack(">BH", 0x99, count) if count < 1 << 16 else struct.pack(">BI", 0x9A, count)


def _decode_root(block: Block) -> tuple[CID, list[Any]]:
    match decode_dag_cbor(block.data):
        case {"index/sharded/dag@0.1": {"content": CID() as content, "shards": shards}} if (
            type(shards) is list
        ):
            links = cast(list[Any], shards)
        case _:
            raise DecodeError(f"index is not of version {VERSION}")
    if len(links) > MAX_SHARDS:
        raise TooLarge(f"index of {len(links)} shards; the limit is {MAX_SHARDS}")
    return content, links


def _decode_shard(data: bytes) -> ShardSlices:
    """Order and repetition are seen when the whole is encoded again."""
    match decode_dag_cbor(data):
        case [bytes(own), entries] if type(entries) is list:
            slices = [_decode_slice(entry) for entry in cast(list[Any], entries)]
        case _:
            raise DecodeError("index's shard is not a multihash and its slices")
    places = {found.multihash: found for found in slices}
    whole = places.pop(own, None)
    if whole is None or whole.offset != 0:
        raise DecodeError("index's shard is not a slice of itself")
    if any(found.offset + found.length > whole.length for found in slices):
        raise DecodeError("index's slice lies outside of its shard")
    return ShardSlices(_shard_cid(own), whole.length, list(places.values()))


def _decode_slice(entry: Value) -> Slice:
    match entry:
        case [bytes(multihash), [int(offset), int(length)]]:
            found = Slice(multihash, offset, length)
        case _:
            raise DecodeError("index's slice is not [multihash, [offset, length]]")
    if len(multihash) != MULTIHASH_BYTES or not multihash.startswith(_SHA2_256):
        raise DecodeError("index's slice is not named by a sha2-256")
    if type(offset) is not int or type(length) is not int or offset < 0 or length < 0:
        raise DecodeError("index's slice is not at a place in its shard")
    return found


def _shard_cid(multihash: bytes) -> CID:
    return CID(cid_prefix(CAR)[:-2] + multihash)
