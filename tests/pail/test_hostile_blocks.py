"""Blocks made to hurt: refused, or decoded, within bounded memory. Memory as tracemalloc sees it."""

import struct
import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pail import DecodeError, PailError, TooLarge, decode_dag_cbor, encode_dag_cbor
from pail.dag_cbor import MAX_BLOCK_BYTES, MAX_CONTAINERS, MAX_DEPTH, MAX_UNSCANNED_CLAIM
from pail.dag_pb import MAX_DAG_PB_BYTES, bytes_field, decode_dag_pb

SIZE = 1 << 20
MOST_BYTES = 50 * SIZE


def array(count: int) -> bytes:
    """The head of an array, as the decoder wants it for large counts."""
    return b"\x9a" + struct.pack(">I", count)


def fill(item: bytes) -> bytes:
    """A block of SIZE: one array of `item`."""
    count = (SIZE - 5) // len(item)
    return array(count) + item * count


def claims(levels: int, size: int = SIZE) -> bytes:
    """Arrays in one another, each claiming all the bytes that are left as items."""
    heads = b"".join(array(size - 5 * level) for level in range(1, levels + 1))
    return heads + bytes(size - len(heads))


def memory_of(decode: Callable[[bytes], object], data: bytes) -> tuple[int, type[Exception] | None]:
    """The most memory that decoding takes, and how it ended."""
    tracemalloc.start()
    try:
        decode(data)
        error = None
    except PailError as caught:
        error = type(caught)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return peak, error


GOOD = {
    "a megabyte of small integers": fill(b"\x00"),
    "integers of two bytes": fill(b"\x19\xff\xff"),
    "short texts": fill(b"\x62ab"),
    "floats": fill(b"\xfb\x3f\xf8" + bytes(6)),
    "links": fill(b"\xd8\x2a\x45\x00\x01\x55\x00\x00"),
    "short lists": fill(b"\x84\x80\x80\x80\x48" + bytes(8)),
    "one text": b"\x7a" + struct.pack(">I", SIZE - 5) + b"a" * (SIZE - 5),
    "one byte string of openers": b"\x5a" + struct.pack(">I", SIZE - 5) + b"\x9b" * (SIZE - 5),
}


@pytest.mark.parametrize("name", GOOD)
def test_a_large_block_that_is_good_is_decoded(name: str) -> None:
    peak, error = memory_of(decode_dag_cbor, GOOD[name])
    assert error is None
    assert peak < MOST_BYTES


BAD = {
    "64 arrays that claim the rest": claims(64),
    "3 arrays that claim the rest": claims(3),
    "arrays of 64 KiB in one another": b"\x99\xff\xff" * (SIZE // 3),
    "arrays of one item": b"\x81" * SIZE,
    "maps of one item": b"\xa1\x60" * (SIZE // 2),
    "pairs in one another": b"\x82\x80" * (SIZE // 2),
    "empty lists": fill(b"\x80"),
    "empty maps": fill(b"\xa0"),
    "tags": b"\xd8\x2a" * (SIZE // 2),
    "links to nothing": fill(b"\xd8\x2a\x41\x00"),
    "an array of 2**63": b"\x9b" + struct.pack(">Q", 1 << 63) + bytes(SIZE),
    "an array of 2**64 - 1": b"\x9b" + b"\xff" * 8 + bytes(SIZE),
    "a map of 2**64 - 1": b"\xbb" + b"\xff" * 8 + bytes(SIZE),
    "a text of 2**64 - 1": b"\x7b" + b"\xff" * 8 + bytes(SIZE),
    "bytes of 2**63 - 1": b"\x5b\x7f" + b"\xff" * 7 + bytes(SIZE),
    "one item too many": array(SIZE) + bytes(SIZE - 1),
    "one byte too many": fill(b"\x00") + b"\x00",
    "text not UTF-8": b"\x7a" + struct.pack(">I", SIZE) + b"\xff" * SIZE,
    "the same key for ever": b"\xba" + struct.pack(">I", SIZE // 4) + b"\x61a\x80\x80" * (SIZE // 4),
    "small, arrays that claim the rest": b"\x99\x0f\xf0" * 1365,
    "small, arrays of one item": b"\x81" * 2000 + b"\x80",
}


@pytest.mark.parametrize("name", BAD)
def test_a_hostile_block_is_refused_in_bounded_memory(name: str) -> None:
    peak, error = memory_of(decode_dag_cbor, BAD[name])
    assert error in (DecodeError, TooLarge)
    assert peak < MOST_BYTES


def test_the_largest_claim_that_is_not_scanned_stays_small() -> None:
    levels = 64
    size = MAX_UNSCANNED_CLAIM // levels
    peak, error = memory_of(decode_dag_cbor, claims(levels, size))
    assert error is DecodeError
    assert peak < MOST_BYTES


@pytest.mark.parametrize("padding", [0, 100_000])
def test_arrays_may_be_so_deep_and_no_deeper(padding: int) -> None:
    """Both small blocks, checked when they are decoded, and large ones, scanned before."""
    behind = encode_dag_cbor(bytes(padding))
    for innermost in (b"\x80", b"\xa0"):
        good = b"\x82" + b"\x81" * (MAX_DEPTH - 2) + innermost + behind
        assert encode_dag_cbor(decode_dag_cbor(good)) == good
        with pytest.raises(TooLarge, match="nested deeper"):
            decode_dag_cbor(b"\x82" + b"\x81" * (MAX_DEPTH - 1) + innermost + behind)


def test_a_scalar_may_stand_at_the_bottom() -> None:
    good = b"\x81" * MAX_DEPTH + b"\x00"
    assert encode_dag_cbor(decode_dag_cbor(good)) == good
    with pytest.raises(TooLarge):
        decode_dag_cbor(b"\x81" + good)


def test_there_may_be_so_many_containers_and_no_more() -> None:
    assert (
        len(decode_dag_cbor(array(MAX_CONTAINERS - 1) + b"\x80" * (MAX_CONTAINERS - 1))) == MAX_CONTAINERS - 1
    )
    with pytest.raises(TooLarge):
        decode_dag_cbor(array(MAX_CONTAINERS) + b"\x80" * MAX_CONTAINERS)


def test_a_block_may_be_so_large_and_no_larger() -> None:
    head = b"\x5a" + struct.pack(">I", MAX_BLOCK_BYTES - 5)
    assert len(decode_dag_cbor(head + bytes(MAX_BLOCK_BYTES - 5))) == MAX_BLOCK_BYTES - 5
    with pytest.raises(TooLarge, match="the limit is"):
        decode_dag_cbor(bytes(MAX_BLOCK_BYTES + 1))


# Items that bring the heads of a block out of step if the scan reads one of them otherwise than the decoder.
ITEMS = [
    0,
    23,
    24,
    255,
    256,
    65536,
    1 << 32,
    -1,
    -500,
    1.5,
    None,
    True,
    "",
    "é" * 30,
    b"\x9b" * 300,
    [],
    {},
    [[]],
]


@settings(max_examples=100, deadline=None)
@given(
    st.recursive(st.sampled_from(ITEMS), lambda child: st.lists(child) | st.dictionaries(st.text(), child))
)
def test_the_scan_never_refuses_what_is_good(value: object) -> None:
    padding = b"\x9f" * 5000
    data = encode_dag_cbor([value, padding])
    assert decode_dag_cbor(data) == [value, padding]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from(b"\x81\x82\x98\x99\x9a\x9b\xa1\xb9\xbb\x00\x40\x60\x78\xff"), max_size=300).map(
        bytes
    )
)
def test_only_our_error_escapes(start: bytes) -> None:
    for data in (start, start + bytes(20_000), b"\x9b" * 5000 + start):
        try:
            decode_dag_cbor(data)
        except PailError:
            continue


HOSTILE_PB = {
    "links of the shortest kind": bytes_field(2, bytes_field(1, b"\x01\x55\x00\x00"))
    * (MAX_DAG_PB_BYTES // 16),
    "data again and again": b"\x0a\x00" * (MAX_DAG_PB_BYTES // 2),
    "one link of very many fields": bytes_field(2, b"\x18\x01" * (MAX_DAG_PB_BYTES // 2 - 4)),
    "a length of 2**63 - 1": b"\x12" + b"\xff" * 8 + b"\x7f" + bytes(1 << 19),
}


@pytest.mark.parametrize("name", HOSTILE_PB)
def test_dag_pb_is_bounded_too(name: str) -> None:
    peak, error = memory_of(decode_dag_pb, HOSTILE_PB[name])
    assert error in (None, DecodeError)
    assert peak < MOST_BYTES
