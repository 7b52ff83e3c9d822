"""Bytes in frames: any zstd gives back the whole, a range costs its frames, nothing else is believed."""

import random
from collections.abc import Iterator, Sequence

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from space import frames
from space.frames import BadFrames, decode_table, encode_table, pack, salvage, unpack
from space.packed import PackedShard
from space.place import Span

PLAIN = random.Random(1).randbytes(40_000) + bytes(60_000) + b"text " * 10_000


class Bytes:
    """An `Opened` that counts what it is asked for."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.size = len(content)
        self.had: list[Span] = []

    def read(self, offset: int, size: int) -> bytes:
        return self.read_many([Span(offset, size)])[0]

    def read_many(self, spans: Sequence[Span]) -> list[bytes]:
        self.had += spans
        return [self.content[offset : offset + size] for offset, size in spans]

    def close(self) -> None:
        pass


@pytest.fixture(autouse=True)
def _small_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "SMALL_SHARD_BYTES", 1000)
    monkeypatch.setattr(frames, "FRAME_BYTES", 4096)


def packed(plain: bytes, step: int = 1000) -> bytes:
    return b"".join(pack(plain[at : at + step] for at in range(0, len(plain), step)))


@pytest.mark.parametrize("step", [1, 4095, 50_000])
def test_it_does_not_matter_how_the_bytes_come(step: int) -> None:
    plain = PLAIN[-20_000:]
    assert packed(plain, step) == packed(plain)


def test_frames_are_given_while_the_bytes_come() -> None:
    had: list[int] = []

    def content() -> Iterator[bytes]:
        for at in range(0, len(PLAIN), 1000):
            had.append(at)
            yield PLAIN[at : at + 1000]

    assert next(pack(content()))
    assert had[-1] < 40_000


@pytest.mark.parametrize("size", [0, 1, 999, 1000, 1001, 4096, 4097, len(PLAIN)])
def test_what_is_packed_is_read_back(size: int) -> None:
    plain = PLAIN[-size:] if size else b""
    shard = PackedShard(Bytes(packed(plain)))
    assert shard.size == size
    assert shard.read(0, size + 5) == plain


def test_stock_zstd_reads_the_whole() -> None:
    with zstandard.ZstdDecompressor().stream_reader(packed(PLAIN), read_across_frames=True) as stream:
        assert stream.read() == PLAIN


@settings(max_examples=50, deadline=None)
@given(spans=st.lists(st.tuples(st.integers(0, len(PLAIN)), st.integers(0, 20_000)), max_size=6))
def test_any_ranges_are_those_of_the_plain_bytes(spans: list[tuple[int, int]]) -> None:
    shard = PackedShard(Bytes(PACKED))
    wanted = [PLAIN[offset : offset + size] for offset, size in spans]
    assert shard.read_many([Span(*span) for span in spans]) == wanted


PACKED = b""


@pytest.fixture(autouse=True, scope="module")
def _pack_once() -> None:
    global PACKED
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(frames, "SMALL_SHARD_BYTES", 1000)
        patch.setattr(frames, "FRAME_BYTES", 4096)
        PACKED = packed(PLAIN)


def test_a_range_costs_its_frames_and_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("space.packed.TAIL_BYTES", 100)
    opened = Bytes(PACKED)
    shard = PackedShard(opened)
    assert shard.read(5000, 10) == PLAIN[5000:5010]
    assert shard.read(5010, 10) == PLAIN[5010:5020]
    assert sum(span.size for span in opened.had) < 6000


def test_a_small_object_is_one_read() -> None:
    opened = Bytes(packed(b"hello"))
    assert PackedShard(opened).read(1, 3) == b"ell"
    assert len(opened.had) == 1


def test_a_damaged_frame_reads_as_zeros_and_spoils_no_other() -> None:
    content = bytearray(PACKED)
    content[5000] ^= 1  # in the second frame
    shard = PackedShard(Bytes(bytes(content)))
    assert shard.read(0, 4096) == PLAIN[:4096]
    assert shard.read(4096, 4096) == bytes(4096)
    assert shard.read(8192, 100) == PLAIN[8192:8292]


@pytest.mark.parametrize("cut", [1, 9, 30, 2000, 30_000])
def test_without_its_table_what_is_whole_is_read(cut: int) -> None:
    shard = PackedShard(Bytes(PACKED[:-cut]))
    assert PLAIN.startswith(shard.read(0, len(PLAIN)))
    assert shard.size % 4096 == 0 or shard.size == len(PLAIN)
    assert cut > 30 or shard.size == len(PLAIN)


@pytest.mark.parametrize("content", [b"", b"x", b"foreign " * 1000, bytes(5000)])
def test_foreign_bytes_are_nothing(content: bytes) -> None:
    shard = PackedShard(Bytes(content))
    assert (shard.size, shard.read(0, 10)) == (0, b"")


def test_every_flipped_bit_of_a_table_is_refused_or_says_the_same() -> None:
    table = encode_table([(100, 4096), (50, 700)])
    right = decode_table(table, 150 + len(table))
    for bit in range(len(table) * 8):
        flipped = bytearray(table)
        flipped[bit // 8] ^= 1 << bit % 8
        try:
            found = decode_table(bytes(flipped), 150 + len(table))
        except BadFrames:
            continue
        assert [frame[:2] for frame in found] == [frame[:2] for frame in right]


@pytest.mark.parametrize("sizes", [[(10, (8 << 20) + 1)], [(1, 8 << 20)] * 20])
def test_a_table_past_a_limit_is_refused(sizes: list[tuple[int, int]]) -> None:
    table = encode_table(sizes)
    with pytest.raises(BadFrames):
        decode_table(table, len(table) + sum(size for size, _ in sizes))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.integers(0, 400))
def test_any_bytes_are_decoded_or_refused(content: bytes, size: int) -> None:
    for decode in (lambda: decode_table(content, size), lambda: unpack(content, size)):
        try:
            decode()
        except BadFrames:
            continue
    salvage(content)
    salvage(PACKED[:size] + content)


def test_a_frame_that_swells_is_not_decompressed() -> None:
    bomb = zstandard.ZstdCompressor().compress(bytes(64 << 20))
    with pytest.raises(BadFrames):
        unpack(bomb, 4096)
    assert salvage(bomb) == b""
