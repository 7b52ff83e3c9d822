"""The frames of a shard, plain and compiled: the same bytes, and every content where it is said to be."""

from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pail import CAR, CID, DAG_CBOR, RAW, cid_of
from pail.car import CarReader, encode_car_header
from space.shard_writer import frame_plainly

compiled = pytest.importorskip("space._shard", reason="NOT COMPILED: no C compiler when this was installed")

contents = st.binary(max_size=40) | st.sampled_from([91, 92, 16_347, 16_348, 20_000]).map(bytes)
codecs = st.sampled_from([RAW, DAG_CBOR, DAG_CBOR, CAR])
batches = st.lists(st.tuples(codecs, contents), min_size=1, max_size=12).map(
    lambda pairs: {cid_of(codec, content): content for codec, content in pairs}
)


@settings(max_examples=100, deadline=None)
@given(batches, st.integers(0, 1 << 27))
def test_both_frame_alike(blocks: dict[CID, bytes], at: int) -> None:
    assert compiled.frame(blocks, at) == frame_plainly(blocks, at)


@settings(max_examples=50, deadline=None)
@given(batches)
def test_what_is_framed_is_read_from_where_it_stands(blocks: dict[CID, bytes]) -> None:
    header = encode_car_header()
    frames, offsets, sizes = compiled.frame(blocks, len(header))
    shard = header + frames
    assert dict(CarReader().feed(shard)) == blocks
    places = zip(array("I", offsets), array("I", sizes), strict=True)
    assert [shard[at : at + size] for at, size in places] == list(blocks.values())


@pytest.mark.parametrize("frame", [compiled.frame, frame_plainly])
@pytest.mark.parametrize("at", [(1 << 32) - 2, 1 << 40])
def test_a_place_past_32_bits_is_refused(frame: object, at: int) -> None:
    assert callable(frame)
    with pytest.raises(OverflowError):
        frame({cid_of(RAW, b"leaf"): b"leaf"}, at)
