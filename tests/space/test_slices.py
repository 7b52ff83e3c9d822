"""The slices of a shard, plain and compiled: the same pages, in order, each block once."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pail import DAG_CBOR, RAW, cid_of
from space.places import places_in, start_behind
from space.slices import NO_SLICES, PAGE_BITS, Slices, encode_slices, encode_slices_plainly, page_number

SAME_PAGE = [b"\x12\x20" + bytes(2) + bytes([number]) + bytes(29) for number in range(4)]
EDGES = [b"\x12\x20" + bytes.fromhex(start).ljust(32, b"\xff") for start in ("", "000f", "0010", "fff0")]
names = st.sampled_from(SAME_PAGE + EDGES) | st.builds(
    lambda codec, number: cid_of(codec, bytes([number])), st.sampled_from([RAW, DAG_CBOR]), st.integers(0, 30)
)
edges = [23, 24, 255, 256, 65_535, 65_536, (1 << 32) - 1, 1 << 32, (1 << 64) - 1]
numbers = st.integers(0, 300) | st.sampled_from(edges)
lists = st.lists(st.tuples(names, numbers, numbers), max_size=40)


@settings(max_examples=200, deadline=None)
@given(lists)
def test_compiled_or_not_the_slices_are_the_same(blocks: list[tuple[bytes, int, int]]) -> None:
    assert encode_slices(blocks) == encode_slices_plainly(blocks)


@settings(max_examples=50, deadline=None)
@given(lists)
def test_each_block_is_on_its_page_once_at_its_last_place(blocks: list[tuple[bytes, int, int]]) -> None:
    slices = encode_slices_plainly(blocks)
    found = [(number, *place) for number, page in enumerate(slices.pages) for place in places_in(page)]
    assert found == sorted(found)
    assert all(number == page_number(digest) for number, digest, _, _ in found)
    assert {row[1]: row[2:] for row in found} == {name[-32:]: (at, size) for name, at, size in blocks}
    assert (slices.blocks, len(slices.pages)) == (len(found), 1 << PAGE_BITS)


@pytest.mark.parametrize("encode", [encode_slices, encode_slices_plainly])
@pytest.mark.parametrize(
    "name", [b"", b"\x12\x20" + bytes(31), b"\x12\x1f" + bytes(32), b"\x1b\x20" + bytes(32)]
)
def test_a_name_by_another_hash_is_a_broken_promise(encode: object, name: bytes) -> None:
    assert callable(encode)
    for blocks in ([(name, 0, 0)], [(EDGES[0], 0, 0), (name, 70_000, 300), (EDGES[3], 0, 0)]):
        with pytest.raises(AssertionError):
            encode(iter(blocks))


@pytest.mark.parametrize("encode", [encode_slices, encode_slices_plainly])
def test_a_number_that_cbor_cannot_hold_is_refused(encode: object) -> None:
    assert callable(encode)
    with pytest.raises((OverflowError, ValueError)):
        encode([(EDGES[0], 1 << 64, 0)])


def test_none_are_none() -> None:
    assert encode_slices(()) == NO_SLICES == Slices(0, [b""] * (1 << PAGE_BITS))


def test_a_shards_own_slice_goes_between_those_around_it() -> None:
    page = encode_slices([(name, 1, 2) for name in (SAME_PAGE[0], SAME_PAGE[1], SAME_PAGE[3])]).pages[0]
    at = start_behind(page, SAME_PAGE[2][-32:])
    assert [digest for digest, _, _ in places_in(page[:at])] == [name[-32:] for name in SAME_PAGE[:2]]
    assert [digest for digest, _, _ in places_in(page[at:])] == [SAME_PAGE[3][-32:]]
