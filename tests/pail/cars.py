"""Blocks of every kind, and a CAR of them taken apart in pieces."""

import hashlib
from collections.abc import Iterable

from pail import CAR, CID, DAG_PB, RAW, Block, cid_of
from pail.car import CarReader
from pail.dag_cbor import encode_block

ROOT = encode_block({"did": "did:example:a", "rev": 1})
LEAF = Block(cid_of(RAW, b"leaf"), b"leaf")
NODE = Block(cid_of(DAG_PB, b""), b"")
OLD = Block(CID(b"\x12\x20" + hashlib.sha256(b"old").digest()), b"old")
LARGE = Block(cid_of(RAW, bytes(20_000)), bytes(20_000))
SHARD = Block(cid_of(CAR, b"shard"), b"shard")
MEDIUM = encode_block({"text": "x" * 300})
EMPTY = Block(cid_of(RAW, b""), b"")
ALL = [ROOT, LEAF, NODE, OLD, LARGE, SHARD, MEDIUM, EMPTY, ROOT]


def take(data: bytes, cuts: Iterable[int] = ()) -> tuple[tuple[CID, ...] | None, list[Block]]:
    reader = CarReader()
    blocks: list[Block] = []
    start = 0
    for cut in [*sorted(cuts), len(data)]:
        blocks += reader.feed(data[start:cut])
        start = cut
    reader.close()
    return reader.roots, blocks
