"""The compiled scan of a CAR takes what the plain one takes, whatever the bytes are."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pail import CID, DAG_CBOR, DAG_PB, RAW, Block, HashMismatch, car, cid_of
from pail.car import CarReader, encode_car, encode_frame, mentioning_plainly, scan_plainly
from pail.varint import encode_varint

compiled = pytest.importorskip("pail._scan", reason="NOT COMPILED: no C compiler when this was installed")

codecs = st.sampled_from([RAW, DAG_CBOR, DAG_PB])
contents = st.binary(max_size=40) | st.integers(80, 17_000).map(bytes)
good = st.builds(lambda codec, content: encode_frame(cid_of(codec, content), content), codecs, contents)
false = st.builds(lambda content: encode_frame(cid_of(RAW, b"other"), content), contents)
lengths = st.integers(0, 1 << 62).map(encode_varint) | st.sampled_from(
    [b"\x80", b"\x80\x00", b"\xff\x7f", b"\xff\xff\x03", b"\x23", b"\x24", b"\xff" * 12]
)
frames = good | good | false | lengths | st.binary(max_size=50)
streams = st.lists(frames, max_size=8).map(b"".join)


def both(data: bytes, at: int) -> list[tuple[int, list[Block]]]:
    found: list[tuple[int, list[Block]]] = []
    for scan in (scan_plainly, compiled.scan):
        blocks: list[Block] = []
        found.append((scan(data, at, blocks), blocks))
    return found


@settings(max_examples=300, deadline=None)
@given(streams, st.data())
def test_both_take_the_same_from_anywhere(data: bytes, draw: st.DataObject) -> None:
    plain, native = both(data, draw.draw(st.integers(0, len(data))))
    assert plain == native


@settings(max_examples=300, deadline=None)
@given(st.lists(good, min_size=1, max_size=5).map(b"".join), st.data())
def test_both_take_the_same_of_what_is_changed_and_cut(data: bytes, draw: st.DataObject) -> None:
    changed = bytearray(data)
    changed[draw.draw(st.integers(0, len(data) - 1))] ^= draw.draw(st.integers(0, 255))
    plain, native = both(bytes(changed[: draw.draw(st.integers(0, len(data)))]), 0)
    assert plain == native


def test_blocks_have_their_types() -> None:
    [_, (_, [block])] = both(encode_frame(cid_of(RAW, b"leaf"), b"leaf"), 0)
    assert (type(block), type(block.cid), type(block.data)) == (Block, CID, bytes)
    assert hash(block) == hash(Block(cid_of(RAW, b"leaf"), b"leaf"))


@pytest.mark.parametrize("at", [-1, 6, 1 << 62])
def test_an_offset_outside_is_refused(at: int) -> None:
    with pytest.raises(ValueError, match="offset"):
        compiled.scan(b"hello", at, [])


@pytest.mark.parametrize("scan", [scan_plainly, compiled.scan])
def test_a_reader_works_with_either(scan: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(car, "_scan", scan)
    leaf, other = Block(cid_of(RAW, b"leaf"), b"leaf"), Block(cid_of(DAG_PB, b"other"), b"other")
    assert CarReader().feed(encode_car([], [leaf, other, leaf])) == [leaf, other, leaf]
    with pytest.raises(HashMismatch):
        CarReader().feed(encode_car([], [leaf, Block(leaf.cid, b"loaf")]))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text("ab", max_size=8)), st.text("ab", min_size=1, max_size=4))
def test_both_find_the_blocks_that_have_a_part(contents: list[str], part: str) -> None:
    blocks = [Block(cid_of(RAW, content.encode()), content.encode()) for content in contents]
    assert compiled.mentioning(blocks, part.encode()) == mentioning_plainly(blocks, part.encode())
