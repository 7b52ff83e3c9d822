"""Check finds and names every fault; repair keeps what is good and removes nothing."""

from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path

import pytest

from pail.car import encode_car_header
from space import Space, open_folder
from space.files import LOCAL_FILES
from space.folder_place import OpenedFile
from space.layout import shard_of_name
from space.places import places_in
from space.stock import take_stock
from tests.space.blocks import DID, block, blocks


@pytest.fixture
def space(tmp_path: Path) -> Iterator[Space]:
    with open_space(tmp_path) as space:
        fill(space, 0, 3)
        yield space


def open_space(path: Path, cache: str = "cache") -> Space:
    return open_folder(path / "folder", cache=path / cache, did=DID)


def fill(space: Space, first: int, last: int) -> None:
    with space.stage() as stage:
        stage.put_many(blocks(first, last))
        stage.publish()


def files(path: Path, pattern: str) -> list[Path]:
    return sorted((path / "folder" / "shards").glob(pattern))


def flip(path: Path, offset: int, bit: int = 0) -> None:
    content = bytearray(path.read_bytes())
    content[offset] ^= 1 << bit
    path.write_bytes(content)


def all_here(space: Space) -> bool:
    return space.get([b.cid for b in blocks(0, 3)]) == [b.data for b in blocks(0, 3)]


def test_a_whole_space_is_whole(space: Space, tmp_path: Path) -> None:
    [shard] = files(tmp_path, "*.car")
    for read_data in (True, False):
        report = space.check(read_data=read_data)
        assert (report.shards, report.blocks, report.size_bytes) == (1, 3, shard.stat().st_size)
        assert report.whole
        assert (report.damages, report.incomplete, report.foreign, report.unindexed) == ((), (), (), ())


def test_every_flipped_bit_of_a_shard_is_found(tmp_path: Path) -> None:
    with open_space(tmp_path) as space, space.stage() as stage:
        stage.put_many([block(1, 8), block(2, 8)])
        stage.publish()
        [shard] = files(tmp_path, "*.car")
        content = shard.read_bytes()
        for bit in range(len(content) * 8):
            flip(shard, bit // 8, bit % 8)
            report = space.check()
            assert report.damages or report.incomplete, bit
            shard.write_bytes(content)
        assert space.check().whole
        assert len(content) > 100


def test_every_flipped_byte_of_an_index_object_is_found_and_repaired(space: Space, tmp_path: Path) -> None:
    [index] = files(tmp_path, "*.idx")
    content = index.read_bytes()
    for offset in range(len(content)):
        flip(index, offset, offset % 8)
        [damage] = space.check().damages
        assert (damage.shard, damage.lost) == (index.name, False)
        index.write_bytes(content)
    flip(index, 5)
    assert not space.repair().damages
    assert index.read_bytes() == content


def test_the_damaged_block_is_named_with_its_place(space: Space, tmp_path: Path) -> None:
    [shard] = files(tmp_path, "*.car")
    offset = shard.read_bytes().index(block(1).data)
    flip(shard, offset + 7)
    [damage] = space.check().damages
    assert (damage.shard, damage.cid, damage.offset) == (shard.name, block(1).cid, offset)
    assert damage.lost


def test_a_fault_outside_of_blocks_loses_none(space: Space, tmp_path: Path) -> None:
    [shard] = files(tmp_path, "*.car")
    flip(shard, shard.read_bytes().index(block(1).data) - 10)  # in the frame's CID
    [damage] = space.check().damages
    assert damage.cid
    assert damage.cid.multihash == block(1).cid.multihash
    assert not damage.lost
    assert all_here(space)


def test_damage_is_found_by_a_machine_that_never_saw_the_shard_whole(space: Space, tmp_path: Path) -> None:
    [shard] = files(tmp_path, "*.car")
    flip(shard, shard.read_bytes().index(block(1).data))
    with open_space(tmp_path, "another") as other:
        assert [damage.cid for damage in other.check().damages] == [block(1).cid]


def test_damage_is_named_without_any_index(space: Space, tmp_path: Path) -> None:
    [shard], [index] = files(tmp_path, "*.car"), files(tmp_path, "*.idx")
    flip(shard, shard.read_bytes().index(block(1).data))
    index.unlink()
    with open_space(tmp_path, "another") as other:
        assert [damage.cid for damage in other.check().damages] == [block(1).cid]


@pytest.mark.parametrize("kept", [0, 1, 2])
def test_a_file_that_ends_between_two_blocks_is_not_here_in_full(
    space: Space, tmp_path: Path, kept: int
) -> None:
    [shard], [index] = files(tmp_path, "*.car"), files(tmp_path, "*.idx")
    ends = [offset + size for _, offset, size in sorted(space.index.places_of(shard.name), key=itemgetter(1))]
    shard.write_bytes(shard.read_bytes()[: [len(encode_car_header()), *ends][kept]])
    index.unlink()
    with open_space(tmp_path, "another") as other:
        report = other.check()
        assert (report.incomplete, report.blocks) == ((shard.name,), kept)


def test_a_torn_length_without_any_index_is_named_by_its_place(space: Space, tmp_path: Path) -> None:
    [shard], [index] = files(tmp_path, "*.car"), files(tmp_path, "*.idx")
    at = shard.read_bytes().index(block(1).cid)
    flip(shard, at - 1, 7)
    index.unlink()
    with open_space(tmp_path, "another") as other:
        report = other.check()
        assert report.damages or report.incomplete
        assert not report.whole


def test_repair_keeps_good_blocks_without_the_damaged_file(space: Space, tmp_path: Path) -> None:
    [shard] = files(tmp_path, "*.car")
    flip(shard, shard.read_bytes().index(block(1).data))
    report = space.repair()
    assert [damage.cid for damage in report.damages if damage.lost] == [block(1).cid]
    assert shard.exists()
    shard.unlink()
    space.refresh()
    good = [block(0), block(2)]
    assert space.get([b.cid for b in good]) == [b.data for b in good]


def test_repair_on_a_machine_that_never_saw_the_shard_whole_takes_its_good_blocks(
    space: Space, tmp_path: Path
) -> None:
    [shard] = files(tmp_path, "*.car")
    flip(shard, shard.read_bytes().index(block(1).data))
    with open_space(tmp_path, "another") as other:
        assert other.has([block(0).cid]) == set()
        other.repair()
        assert other.has([b.cid for b in blocks(0, 3)]) == {block(0).cid, block(2).cid}


def test_after_a_lost_block_is_written_anew_the_space_is_whole(space: Space, tmp_path: Path) -> None:
    [shard] = files(tmp_path, "*.car")
    flip(shard, shard.read_bytes().index(block(1).data))
    assert not space.repair().whole
    fill(space, 0, 3)
    assert space.check().whole
    assert all_here(space)


def test_repair_twice_writes_nothing_more(space: Space, tmp_path: Path) -> None:
    [shard] = files(tmp_path, "*.car")
    flip(shard, shard.read_bytes().index(block(1).data))
    assert space.repair().given_up == 1
    before = files(tmp_path, "*")
    again = space.repair()
    assert (again.given_up, again.settled, again.whole) == (0, (shard.name,), True)
    assert files(tmp_path, "*") == before


def test_a_missing_index_object_is_named_and_written(space: Space, tmp_path: Path) -> None:
    [shard], [index] = files(tmp_path, "*.car"), files(tmp_path, "*.idx")
    content = index.read_bytes()
    index.unlink()
    assert space.check().unindexed == (shard.name,)
    assert space.repair().unindexed == ()
    assert index.read_bytes() == content


def test_a_foreign_file_is_named_and_left_alone(space: Space, tmp_path: Path) -> None:
    foreign = tmp_path / "folder" / "shards" / ".DS_Store"
    foreign.write_bytes(b"?")
    assert space.repair().foreign == (".DS_Store",)
    assert foreign.exists()


def test_a_file_under_the_name_of_another_shard_is_not_taken_in(space: Space, tmp_path: Path) -> None:
    [shard] = files(tmp_path, "*.car")
    fill(space, 3, 6)
    [other] = [file for file in files(tmp_path, "*.car") if file != shard]
    shard.write_bytes(other.read_bytes())
    space.refresh()
    assert space.has([b.cid for b in blocks(0, 6)]) == {b.cid for b in blocks(3, 6)}


def test_a_shard_with_a_lying_block_is_not_taken_in(space: Space, tmp_path: Path) -> None:
    with space.stage() as stage:
        stage.put_many([(block(9).cid, b"a lie")])
        stage.publish()
    with open_space(tmp_path, "another") as other:
        assert other.has([block(9).cid, block(1).cid]) == {block(1).cid}


def test_places_are_those_of_the_file(tmp_path: Path) -> None:
    with open_space(tmp_path) as space:
        fill(space, 0, 300)
    [shard] = files(tmp_path, "*.car")
    name = shard_of_name(shard.name)
    assert name
    slices = take_stock(OpenedFile(LOCAL_FILES, shard, 0), name)
    content = shard.read_bytes()
    assert slices
    assert {content[o : o + s] for _, o, s in places_in(b"".join(slices.pages))} == {
        b.data for b in blocks(0, 300)
    }
