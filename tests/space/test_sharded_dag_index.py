"""The index of shards: what is written is read, and nothing else is. Byte equality is in tests/spec."""

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pail import CAR, CID, DAG_CBOR, Block, DecodeError, PailError, TooLarge, cid_of
from pail.car import Slice, encode_car
from pail.dag_cbor import encode_block, encode_dag_cbor
from space import sharded_dag_index
from space.sharded_dag_index import (
    MAX_SLICES,
    VERSION,
    ShardedDagIndex,
    ShardSlices,
    decode_index,
    encode_index,
)

CONTENT = cid_of(DAG_CBOR, b"content")
SHARD = cid_of(CAR, b"shard")
OWN = SHARD.multihash


def multihash(number: int) -> bytes:
    return cid_of(DAG_CBOR, number.to_bytes(4, "big")).multihash


def ordered(index: ShardedDagIndex) -> ShardedDagIndex:
    shards = sorted(index.shards, key=lambda shard: shard.shard.multihash)
    return ShardedDagIndex(index.content, tuple(s._replace(slices=sorted(s.slices)) for s in shards))


sizes = st.sampled_from([0, 1, 23, 24, 255, 256, 65535, 65536, (1 << 32) - 1, 1 << 32]) | st.integers(
    0, 1 << 40
)
slices = st.builds(Slice, st.integers(0, 99).map(multihash), sizes, sizes)
shards = st.builds(
    ShardSlices,
    st.integers(0, 99).map(lambda number: cid_of(CAR, bytes([number]))),
    st.just(1 << 42),
    st.lists(slices, max_size=30, unique_by=lambda found: found.multihash),
)
indexes = st.builds(
    ShardedDagIndex, st.just(CONTENT), st.lists(shards, max_size=3, unique_by=lambda s: s.shard).map(tuple)
)


@settings(max_examples=100, deadline=None)
@given(indexes)
def test_what_is_written_is_read_in_order(index: ShardedDagIndex) -> None:
    assert decode_index(encode_index(index)) == ordered(index)


@settings(max_examples=50, deadline=None)
@given(shards)
def test_a_shards_block_is_plain_dag_cbor(shard: ShardSlices) -> None:
    places = {shard.shard.multihash: [0, shard.size_bytes]} | {
        s.multihash: [s.offset, s.length] for s in shard.slices
    }
    block = encode_block([shard.shard.multihash, [[name, places[name]] for name in sorted(places)]])
    assert encode_index(ShardedDagIndex(CONTENT, (shard,))).endswith(block.cid + block.data)


@pytest.mark.parametrize("count", [0, 22, 23, 254, 255, 65534, 65535])
def test_lists_of_every_length(count: int) -> None:
    shard = ShardSlices(SHARD, 10, [Slice(multihash(number), 0, 1) for number in range(count)])
    assert len(decode_index(encode_index(ShardedDagIndex(CONTENT, (shard,)))).shards[0].slices) == count


def test_a_block_that_is_there_twice_is_named_once() -> None:
    twice = ShardSlices(SHARD, 100, [Slice(multihash(1), 5, 1), Slice(multihash(1), 50, 1)])
    assert decode_index(encode_index(ShardedDagIndex(CONTENT, (twice,)))).shards[0].slices == [
        (multihash(1), 50, 1)
    ]


def test_the_largest_shard_fits_a_block_and_one_more_is_refused() -> None:
    seeded = random.Random(1)
    names = [b"\x12\x20" + seeded.randbytes(32) for _ in range(MAX_SLICES + 1)]
    largest = ShardSlices(SHARD, 1 << 33, [Slice(name, (1 << 32) - 9, 1 << 20) for name in names[1:]])
    encoded = encode_index(ShardedDagIndex(CONTENT, (largest,)))
    assert len(decode_index(encoded).shards[0].slices) == MAX_SLICES
    with pytest.raises(TooLarge):
        encode_index(
            ShardedDagIndex(CONTENT, (largest._replace(slices=[*largest.slices, Slice(names[0], 0, 1)]),))
        )


def index_of(shard: Any, **root: Any) -> bytes:
    """An index that holds `shard`, whatever it is."""
    block = encode_block(shard)
    fields = {"content": CONTENT, "shards": [block.cid]} | root
    top = encode_block({VERSION: fields})
    return encode_car([top.cid], [top, block])


WHOLE = [OWN, [0, 100]]
GOOD = [OWN, sorted([WHOLE, [multihash(1), [10, 20]]])]


def test_the_handmade_index_is_good() -> None:
    assert decode_index(index_of(GOOD)).shards == (ShardSlices(SHARD, 100, [Slice(multihash(1), 10, 20)]),)


def entry(*found: Any) -> list[Any]:
    return [OWN, sorted([WHOLE, *found])]


SHARDS: dict[str, Any] = {
    "no list": {},
    "no slices": [OWN],
    "slices no list": [OWN, {}],
    "not a slice of itself": [OWN, [[multihash(1), [0, 1]]]],
    "itself from elsewhere": [OWN, [[OWN, [1, 100]]]],
    "out of order": [OWN, sorted(GOOD[1], reverse=True)],
    "twice": entry([multihash(1), [1, 2]], [multihash(1), [1, 2]]),
    "behind its end": entry([multihash(1), [90, 11]]),
    "negative offset": entry([multihash(1), [-1, 2]]),
    "negative length": entry([multihash(1), [1, -1]]),
    "offset true": entry([multihash(1), [True, 2]]),
    "length a float": entry([multihash(1), [1, 2.0]]),
    "three numbers": entry([multihash(1), [1, 2, 3]]),
    "another hash": entry([b"\x11\x14" + bytes(20), [1, 2]]),
    "a short hash": entry([multihash(1)[:-1], [1, 2]]),
    "a CID": entry([cid_of(DAG_CBOR, b""), [1, 2]]),
    "a text": [OWN, [WHOLE, ["x" * 34, [1, 2]]]],
}


@pytest.mark.parametrize("name", SHARDS)
def test_any_other_shard_is_refused(name: str) -> None:
    with pytest.raises(DecodeError):
        decode_index(index_of(SHARDS[name]))


ROOTS: dict[str, dict[str, Any]] = {
    "content no CID": {"content": bytes(CONTENT)},
    "shards no list": {"shards": {}},
    "shard no CID": {"shards": [1]},
    "another shard": {"shards": [CONTENT]},
    "more shards": {"shards": [encode_block(GOOD).cid, CONTENT]},
    "fewer shards": {"shards": []},
    "a further key": {"x": 1},
}


@pytest.mark.parametrize("name", ROOTS)
def test_any_other_root_is_refused(name: str) -> None:
    with pytest.raises(DecodeError):
        decode_index(index_of(GOOD, **ROOTS[name]))


def test_another_version_is_refused() -> None:
    top = Block(
        cid_of(DAG_CBOR, encode_dag_cbor({"index/sharded/dag@0.2": {}})),
        encode_dag_cbor({"index/sharded/dag@0.2": {}}),
    )
    with pytest.raises(DecodeError, match="not of version"):
        decode_index(encode_car([top.cid], [top]))


def test_another_root_or_none_is_refused() -> None:
    for roots in ([], [CONTENT]):
        with pytest.raises(DecodeError, match="its one root"):
            decode_index(encode_car(roots, []))


def test_limits_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    shard = ShardSlices(SHARD, 10, [])
    encoded = encode_index(ShardedDagIndex(CONTENT, (shard,)))
    monkeypatch.setattr(sharded_dag_index, "MAX_SHARDS", 0)
    for decode, value in ((encode_index, ShardedDagIndex(CONTENT, (shard,))), (decode_index, encoded)):
        with pytest.raises(TooLarge):
            decode(value)  # type: ignore[operator]
    monkeypatch.setattr(sharded_dag_index, "MAX_INDEX_BYTES", len(encoded) - 1)
    with pytest.raises(TooLarge, match="index of"):
        decode_index(encoded)


def test_every_single_bit_flip_is_found() -> None:
    good = index_of(GOOD)
    for bit in range(len(good) * 8):
        flipped = bytearray(good)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(PailError):
            decode_index(bytes(flipped))


def test_blocks_are_named_by_sha2_256() -> None:
    with pytest.raises(AssertionError):
        encode_index(
            ShardedDagIndex(CONTENT, (ShardSlices(SHARD, 9, [Slice(b"\x11\x14" + bytes(20), 0, 1)]),))
        )


def test_types_survive() -> None:
    index = decode_index(index_of(GOOD))
    assert (type(index.content), type(index.shards[0].shard), type(index.shards[0].slices[0])) == (
        CID,
        CID,
        Slice,
    )
