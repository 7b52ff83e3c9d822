"""Every way in which a CAR can be bad."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pail import CID, RAW, Block, DecodeError, HashMismatch, PailError, TooLarge, cid_of
from pail.car import (
    MAX_CAR_BLOCK_BYTES,
    MAX_HEADER_BYTES,
    CarReader,
    encode_car,
    encode_car_header,
    encode_frame,
)
from pail.dag_cbor import encode_dag_cbor
from pail.varint import encode_varint
from tests.pail.cars import ALL, LEAF, ROOT, take

REPO = Path(__file__).parent.parent.parent / "spec" / "vectors" / "repo-car" / "small.car"


@pytest.mark.parametrize(
    "garbage", [b"\0", b"\x01", b"\xff" * 9, b"\x80\x00", b"garbage", b"\x24" + bytes(36)]
)
def test_garbage_behind_the_last_block_is_refused(garbage: bytes) -> None:
    with pytest.raises(PailError):
        take(encode_car([ROOT.cid], [ROOT]) + garbage)


HEADERS = {
    "CARv2": bytes.fromhex("a16776657273696f6e02"),
    "no map": encode_dag_cbor([1]),
    "no roots": encode_dag_cbor({"version": 1}),
    "no version": encode_dag_cbor({"roots": []}),
    "version 3": encode_dag_cbor({"roots": [], "version": 3}),
    "version true": encode_dag_cbor({"roots": [], "version": True}),
    "version 1.0": encode_dag_cbor({"roots": [], "version": 1.0}),
    "a further key": encode_dag_cbor({"roots": [], "version": 1, "x": 1}),
    "roots no list": encode_dag_cbor({"roots": {}, "version": 1}),
    "roots of bytes": encode_dag_cbor({"roots": [bytes(ROOT.cid)], "version": 1}),
    "keys out of order": bytes.fromhex("a26776657273696f6e0165726f6f747380"),
    "no CBOR": b"\xff",
    "empty": b"",
}


@pytest.mark.parametrize("name", HEADERS)
def test_any_other_header_is_refused(name: str) -> None:
    header = HEADERS[name]
    with pytest.raises(DecodeError, match="CARv2" if name == "CARv2" else "CAR|DAG-CBOR"):
        CarReader().feed(encode_varint(len(header)) + header)


def test_a_real_carv2_is_named() -> None:
    with pytest.raises(DecodeError, match="this is a CARv2; only CARv1 is read"):
        CarReader().feed(bytes.fromhex("0aa16776657273696f6e02") + bytes(40))


IDENTITY = CID(b"\x01\x55\x00\x04leaf")
SHA1 = CID(b"\x01\x55\x11\x14" + hashlib.sha1(b"leaf").digest())
SHORT = CID(b"\x01\x55\x12\x10" + hashlib.sha256(b"leaf").digest()[:16])


@pytest.mark.parametrize("cid", [IDENTITY, SHA1, SHORT])
def test_a_block_that_cannot_be_checked_is_refused(cid: CID) -> None:
    with pytest.raises(DecodeError, match="sha2-256"):
        take(encode_car_header() + encode_frame(cid, b"leaf"))


@pytest.mark.parametrize("block", ALL)
def test_a_block_with_other_bytes_is_refused_by_name(block: Block) -> None:
    with pytest.raises(HashMismatch) as caught:
        take(encode_car_header() + encode_frame(block.cid, block.data + b"x"))
    assert caught.value.cid == block.cid


@pytest.mark.parametrize(
    "frame", [b"\0", b"\x23" + LEAF.cid[:35], b"\x24" + LEAF.cid, b"\x04\x01\x55\x12\x20"]
)
def test_a_frame_too_short_for_its_cid_and_block_is_refused(frame: bytes) -> None:
    with pytest.raises(DecodeError):
        take(encode_car_header() + frame)


def test_a_cid_does_not_reach_into_the_next_frame() -> None:
    car = encode_car_header() + b"\x14" + LEAF.cid[:20] + LEAF.cid[20:] + LEAF.data
    with pytest.raises(DecodeError, match="CID is cut short"):
        take(car)


def test_blocks_up_to_the_limit_are_taken_and_above_refused() -> None:
    largest = Block(cid_of(RAW, bytes(MAX_CAR_BLOCK_BYTES)), bytes(MAX_CAR_BLOCK_BYTES))
    assert take(encode_car([], [largest]))[1] == [largest]
    with pytest.raises(TooLarge):
        take(encode_car([], [Block(largest.cid, largest.data + b"x")]))


@pytest.mark.parametrize("length", [MAX_CAR_BLOCK_BYTES + 129, 1 << 40, (1 << 63) - 1])
def test_a_hostile_length_is_refused_before_its_frame_comes(length: int) -> None:
    reader = CarReader()
    reader.feed(encode_car_header())
    with pytest.raises(TooLarge):
        reader.feed(encode_varint(length))


@pytest.mark.parametrize("length", [MAX_HEADER_BYTES + 1, 1 << 62])
def test_a_hostile_header_is_refused_before_it_comes(length: int) -> None:
    with pytest.raises(TooLarge):
        CarReader().feed(encode_varint(length))


@pytest.mark.parametrize("varint", [b"\xff" * 9, b"\xff" * 8 + b"\x80", b"\xa4\x80\x00", b"\xa4\x00"])
def test_a_varint_that_is_too_long_or_not_minimal_is_refused(varint: bytes) -> None:
    reader = CarReader()
    reader.feed(encode_car_header())
    with pytest.raises(DecodeError, match="varint"):
        reader.feed(varint + LEAF.cid + LEAF.data)


def test_a_reader_is_spent_after_an_error() -> None:
    reader = CarReader()
    with pytest.raises(DecodeError):
        reader.feed(b"\x01\xff")
    with pytest.raises(DecodeError, match="not DAG-CBOR"):
        reader.feed(encode_car([], ALL))
    with pytest.raises(DecodeError, match="not DAG-CBOR"):
        reader.close()


def flips(car: bytes) -> Iterator[bytes]:
    for bit in range(len(car) * 8):
        flipped = bytearray(car)
        flipped[bit // 8] ^= 1 << bit % 8
        yield bytes(flipped)


def test_every_single_bit_flip_is_found() -> None:
    """By a hash or by the structure, with two exceptions that the caller sees at once.

    A flip in the header's root gives another root. A flip in the codec of a block's CID, which no
    hash covers, gives the same bytes under another CID: whoever asks for its own finds it missing.
    """
    car = REPO.read_bytes()
    roots, blocks = take(car)
    assert len(blocks) > 3
    seen = {"refused": 0, "other root": 0, "block under another codec": 0}
    for flipped in flips(car):
        try:
            found = take(flipped)
        except PailError:
            seen["refused"] += 1
        else:
            seen[difference((roots, blocks), found)] += 1
    assert seen["refused"] > 8 * 0.9 * len(car)
    assert seen["other root"] <= 8 * 36
    assert seen["block under another codec"] <= 8 * len(blocks)


def difference(
    wanted: tuple[tuple[CID, ...] | None, list[Block]], found: tuple[tuple[CID, ...] | None, list[Block]]
) -> str:
    if wanted[0] != found[0]:
        assert wanted[1] == found[1]
        return "other root"
    changed = [pair for pair in zip(wanted[1], found[1], strict=True) if pair[0] != pair[1]]
    ((before, after),) = changed
    assert before.cid.codec != after.cid.codec
    assert before.cid.multihash == after.cid.multihash
    return "block under another codec"


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_only_our_error_escapes(data: bytes) -> None:
    reader = CarReader()
    try:
        reader.feed(data)
        reader.feed(encode_car_header() + data)
        reader.close()
    except PailError:
        return
    assert reader.roots is not None
