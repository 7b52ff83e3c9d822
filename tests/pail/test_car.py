"""CARs taken apart in pieces of any size, and written."""

import random
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pail import CID, Block, DecodeError
from pail.car import CarReader, car_frame_head, encode_car, encode_car_header, encode_frame
from pail.dag_cbor import encode_block
from tests.pail.cars import ALL, LARGE, LEAF, MEDIUM, OLD, ROOT, take


def test_blocks_of_every_kind_come_out_as_they_went_in() -> None:
    assert take(encode_car([ROOT.cid], ALL)) == ((ROOT.cid,), ALL)


def test_blocks_keep_their_types() -> None:
    for block in take(encode_car([ROOT.cid], ALL))[1]:
        assert (type(block), type(block.cid), type(block.data)) == (Block, CID, bytes)


def test_byte_by_byte_is_the_same() -> None:
    car = encode_car([ROOT.cid], ALL)
    assert take(car, range(1, len(car))) == ((ROOT.cid,), ALL)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_any_split_is_the_same(draw: st.DataObject) -> None:
    blocks = draw.draw(st.lists(st.sampled_from(ALL), max_size=12))
    car = encode_car([LEAF.cid], blocks)
    cuts = draw.draw(st.lists(st.integers(0, len(car)), max_size=8))
    assert take(car, cuts) == ((LEAF.cid,), blocks)


def test_a_block_comes_out_with_its_last_byte() -> None:
    reader = CarReader()
    car = encode_car([], [LEAF])
    assert [reader.feed(car[at : at + 1]) for at in range(len(car))][-1] == [LEAF]


@pytest.mark.parametrize("roots", [[], [ROOT.cid], [ROOT.cid, LEAF.cid, OLD.cid]])
def test_the_header_names_any_number_of_roots(roots: list[CID]) -> None:
    assert take(encode_car_header(roots)) == (tuple(roots), [])


def test_roots_are_unknown_until_the_header_is_whole() -> None:
    reader = CarReader()
    header = encode_car_header([ROOT.cid])
    reader.feed(header[:-1])
    before = reader.roots
    reader.feed(header[-1:])
    assert (before, reader.roots) == (None, (ROOT.cid,))


def test_a_car_may_be_cut_only_between_frames() -> None:
    car = encode_car([ROOT.cid], ALL[:4])
    ends = {len(encode_car([ROOT.cid], ALL[:count])) for count in range(5)}
    for size in range(len(car)):
        if size in ends:
            assert take(car[:size])[0] == (ROOT.cid,)
        else:
            with pytest.raises(DecodeError, match="cut short"):
                take(car[:size])


def test_a_long_stream_leaves_nothing_behind() -> None:
    reader = CarReader()
    reader.feed(encode_car_header())
    frames = encode_frame(*LARGE) * 5 + encode_frame(*MEDIUM) * 50
    tracemalloc.start()
    for at in range(0, 100 * len(frames), 5000):
        start = at % len(frames)
        reader.feed((frames + frames)[start : start + 5000])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20


def test_a_car_written_frame_by_frame_is_the_same() -> None:
    frames = b"".join(encode_frame(cid, data) for cid, data in ALL)
    heads = b"".join(car_frame_head(cid, len(data)) + data for cid, data in ALL)
    assert encode_car_header([ROOT.cid]) + frames == encode_car([ROOT.cid], ALL)
    assert heads == frames


def test_random_chunks_of_many_blocks() -> None:
    seeded = random.Random(7)
    blocks = [encode_block(seeded.randbytes(seeded.randrange(600))) for _ in range(2000)]
    car = encode_car([], blocks)
    assert take(car, (seeded.randrange(len(car)) for _ in range(300)))[1] == blocks
