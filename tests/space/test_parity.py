"""A damaged shard comes back from its parity alone."""

import hashlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pail import DecodeError, encode_dag_cbor
from space import Space, parity
from space.parity import GROUP_SLICES, SLICE_BYTES, add_parity, decode_table, heal
from space.parity_keeping import cover
from tests.space.blocks import block
from tests.space.memory_place import MemoryPlace
from tests.space.test_folder import flip, open_space, shard_files

BLOCKS = [block(number, 3000) for number in range(700)]


def filled(path: Path, percent: int = 10) -> Path:
    """A space of one shard of 2 MB with its parity; the shard's file."""
    with open_space(path) as space:
        with space.stage() as stage:
            stage.put_many(BLOCKS)
            stage.publish()
        assert cover(space, percent)[0] == 1
        assert cover(space, percent) == (0, 0)
    [shard] = shard_files(path)
    return shard


def repaired(path: Path) -> bool:
    """Whether all blocks are there after `repair`, with no other copy of the shard anywhere."""
    with open_space(path) as space:
        space.repair()
        return space.check().whole and space.has([b.cid for b in BLOCKS]) == {b.cid for b in BLOCKS}


def test_parity_costs_what_was_said(tmp_path: Path) -> None:
    shard = filled(tmp_path)
    parity = shard.with_name(shard.name + ".par")
    assert 0.10 < parity.stat().st_size / shard.stat().st_size < 0.12


def test_it_is_none_of_the_foreign_files(tmp_path: Path) -> None:
    filled(tmp_path)
    with open_space(tmp_path) as space:
        assert space.check().foreign == ()


def test_flipped_bits_come_back(tmp_path: Path) -> None:
    shard = filled(tmp_path)
    for at in range(1000, shard.stat().st_size, 100_000):
        flip(shard, at)
    assert repaired(tmp_path)


def test_a_run_of_lost_sectors_comes_back(tmp_path: Path) -> None:
    shard = filled(tmp_path)
    content = bytearray(shard.read_bytes())
    content[500_000:690_000] = bytes(190_000)
    shard.write_bytes(content)
    assert repaired(tmp_path)


def test_a_torn_tail_comes_back(tmp_path: Path) -> None:
    shard = filled(tmp_path)
    shard.write_bytes(shard.read_bytes()[: -shard.stat().st_size // 12])
    assert repaired(tmp_path)


def test_one_of_the_two_tables_is_enough(tmp_path: Path) -> None:
    shard = filled(tmp_path)
    flip(shard, 100_000)
    parity = shard.with_name(shard.name + ".par")
    flip(parity, parity.stat().st_size - 40)
    assert repaired(tmp_path)


def test_too_much_damage_saves_what_is_good(tmp_path: Path) -> None:
    shard = filled(tmp_path)
    content = bytearray(shard.read_bytes())
    content[100_000:1_000_000] = bytes(900_000)
    shard.write_bytes(content)
    with open_space(tmp_path) as space:
        assert space.repair().given_up > 0
        assert space.has([BLOCKS[0].cid, BLOCKS[-1].cid]) == {BLOCKS[0].cid, BLOCKS[-1].cid}


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 3 * GROUP_SLICES * SLICE_BYTES // 2),
    st.integers(1, 100),
    st.integers(0, 1 << 30),
    st.booleans(),
)
def test_any_one_slice_and_any_short_tail_are_computed(size: int, percent: int, at: int, torn: bool) -> None:
    content = bytes(1 + (n * 7 + n // 251) % 255 for n in range(size))
    place = MemoryPlace()
    place.store("shards", "one", content)
    [entry] = place.list("shards")
    add_parity(place, entry, percent)
    damaged = bytearray(content)
    damaged[at % size] ^= 1
    place.store("shards", "one", content[: -min(size, 100)] if torn else bytes(damaged))
    healed = heal(place, entry)
    assert healed is not None
    if not (torn and size % SLICE_BYTES < 100):  # else two slices are torn, of one group perhaps
        assert healed.read(0, size + 100) == content
        assert 1 <= len(healed.fixes) <= 2


TABLE = {"version": 1, "size": 5000, "parity": 1, "sums": bytes(24)}


def test_a_table_is_read() -> None:
    assert decode_table(encode_dag_cbor(dict(TABLE))).slices == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"version": 2},
        {"size": 0},
        {"size": -1},
        {"parity": 0},
        {"parity": 101},
        {"sums": bytes(16)},
        {"x": 1},
    ],
)
def test_a_table_of_nothing_is_refused(wrong: dict[str, int | bytes]) -> None:
    with pytest.raises(DecodeError):
        decode_table(encode_dag_cbor(dict(TABLE | wrong)))


def test_without_parity_there_is_nothing_to_compute(tmp_path: Path) -> None:
    with open_space(tmp_path) as space:
        _fill(space)
        [row] = space.index.shards().values()
        assert heal(space.place, row.entry) is None


def _fill(space: Space) -> None:
    with space.stage() as stage:
        stage.put_many(BLOCKS[:3])
        stage.publish()


def test_an_end_that_looks_like_tables_everywhere_is_soon_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    tail = bytearray(40_000)
    for at in range(0, len(tail) - 40, 4):
        tail[at : at + 4] = (len(tail) - at - 36).to_bytes(4, "big")
    hashed, sha256 = list[int](), hashlib.sha256
    monkeypatch.setattr(hashlib, "sha256", lambda content: hashed.append(len(content)) or sha256(content))  # type: ignore[reportUnknownLambdaType]
    found = list(parity._tables(bytes(tail)))  # pyright: ignore[reportPrivateUsage]
    monkeypatch.undo()
    assert (found, len(hashed)) == ([], parity.MAX_TRIES)
