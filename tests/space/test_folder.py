"""The folder as a store: the contract, and what is particular to it."""

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from pail.car import CarReader
from space import CorruptBlock, LocalFiles, NoSpace, Space, open_folder
from space import shard_writer as shard_writer_module
from space.sharded_dag_index import decode_index
from tests.space.blocks import DID, OTHER_DID, block, blocks
from tests.space.contract import SpaceContract


def open_space(path: Path, cache: str = "cache") -> Space:
    return open_folder(path / "folder", cache=path / cache, did=DID)


def fill(space: Space, first: int, last: int) -> None:
    with space.stage() as stage:
        stage.put_many(blocks(first, last))
        stage.publish()


def shard_files(path: Path) -> list[Path]:
    return sorted((path / "folder" / "shards").glob("*.car"))


def flip(path: Path, offset: int, bit: int = 1) -> None:
    content = bytearray(path.read_bytes())
    content[offset] ^= bit
    path.write_bytes(content)


@pytest.fixture
def space(tmp_path: Path) -> Iterator[Space]:
    with open_space(tmp_path) as space:
        yield space


class TestContract(SpaceContract):
    pass


def test_a_folder_without_a_space_is_refused_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(NoSpace):
        open_folder(tmp_path / "folder", cache=tmp_path / "cache")
    assert not (tmp_path / "folder").exists()


def test_the_folder_says_its_did(space: Space, tmp_path: Path) -> None:
    with open_folder(tmp_path / "folder", cache=tmp_path / "elsewhere") as again:
        assert again.did == DID
    with open_folder(tmp_path / "folder", cache=tmp_path / "elsewhere", did=OTHER_DID) as again:
        assert again.did == DID


def test_of_two_dids_that_met_by_syncing_the_smallest_wins(space: Space, tmp_path: Path) -> None:
    open_folder(tmp_path / "other", cache=tmp_path / "cache", did=OTHER_DID).close()
    for file in (tmp_path / "other").glob("*.space"):
        (tmp_path / "folder" / file.name).write_bytes(file.read_bytes())
    with open_space(tmp_path) as again:
        assert again.did == min(DID, OTHER_DID)


def test_a_torn_space_file_is_passed_over(space: Space, tmp_path: Path) -> None:
    (tmp_path / "folder" / "z1.space").write_bytes(b'{"did": "did:key:z')
    with open_space(tmp_path) as again:
        assert again.did == DID


def test_every_name_is_legal_on_windows(space: Space, tmp_path: Path) -> None:
    fill(space, 0, 3)
    names = [path.name for path in (tmp_path / "folder").rglob("*")]
    assert len(names) == 6  # a lease too, while the space is open
    assert not any(char in name for name in names for char in '<>:"/\\|?*')


def test_a_small_publish_is_one_shard_of_a_few_kilobytes(space: Space, tmp_path: Path) -> None:
    fill(space, 0, 20)
    [shard] = shard_files(tmp_path)
    assert shard.stat().st_size + shard.with_suffix(".car.idx").stat().st_size < 5000


def test_a_shard_is_a_car_and_its_index_lists_it(space: Space, tmp_path: Path) -> None:
    fill(space, 0, 20)
    [shard] = shard_files(tmp_path)
    assert CarReader().feed(shard.read_bytes()) == blocks(0, 20)
    index = decode_index(shard.with_suffix(".car.idx").read_bytes())
    content = shard.read_bytes()
    found = {content[offset : offset + size] for _, offset, size in index.shards[0].slices}
    assert found == {b.data for b in blocks(0, 20)}
    assert f"{index.shards[0].shard}.car" == shard.name


def test_a_stage_rolls_over_to_further_shards(
    space: Space, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shard_writer_module, "MAX_SHARD_BYTES", 1000)
    fill(space, 0, 20)
    assert len(shard_files(tmp_path)) == 3
    assert all(shard.stat().st_size <= 1000 for shard in shard_files(tmp_path))
    assert space.get([b.cid for b in blocks(0, 20)]) == [b.data for b in blocks(0, 20)]


def test_a_shard_has_no_more_blocks_than_its_index_can_list(
    space: Space, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shard_writer_module, "MAX_SLICES", 7)
    fill(space, 0, 20)
    assert len(shard_files(tmp_path)) == 3


def test_a_lost_index_is_made_again(space: Space, tmp_path: Path) -> None:
    fill(space, 0, 20)
    with open_space(tmp_path, cache="another") as again:
        assert again.get([b.cid for b in blocks(0, 20)]) == [b.data for b in blocks(0, 20)]


def test_a_torn_index_is_made_again(space: Space, tmp_path: Path) -> None:
    fill(space, 0, 20)
    space.close()
    for file in (tmp_path / "cache").glob("*.sqlite"):
        file.write_bytes(b"not SQLite" * 1000)
    with open_space(tmp_path) as again:
        assert again.has([block(3).cid])


def test_an_index_of_another_version_is_made_again(space: Space, tmp_path: Path) -> None:
    fill(space, 0, 20)
    space.close()
    for file in (tmp_path / "cache").glob("*.sqlite"):
        with sqlite3.connect(file) as db:
            db.execute("PRAGMA user_version = 99")
        db.close()
    with open_space(tmp_path) as again:
        assert again.has([block(3).cid])


def test_one_home_holds_several_spaces(space: Space, tmp_path: Path) -> None:
    fill(space, 0, 20)
    with open_folder(tmp_path / "other", cache=tmp_path / "cache", did=DID) as other:
        assert other.has([block(1).cid]) == set()


def test_a_home_that_was_copied_to_another_machine_is_another_home(space: Space, tmp_path: Path) -> None:
    shutil.copytree(tmp_path / "cache", tmp_path / "copy")
    with open_space(tmp_path, "copy") as copied, open_space(tmp_path) as again:
        assert copied.index.home != space.index.home == again.index.home


class ClosedShards(LocalFiles):
    """Lets no shard be opened."""

    def open(self, path: Path) -> int:
        assert path.suffix != ".car"
        return super().open(path)


def test_a_known_shard_is_not_read_again_at_the_next_start(space: Space, tmp_path: Path) -> None:
    fill(space, 0, 20)
    again = open_folder(tmp_path / "folder", cache=tmp_path / "cache", files=ClosedShards())
    with again:
        assert again.has([block(1).cid])
    with pytest.raises(AssertionError):
        open_folder(tmp_path / "folder", cache=tmp_path / "another", files=ClosedShards())


def test_a_damaged_block_is_named_and_never_returned(space: Space, tmp_path: Path) -> None:
    fill(space, 0, 3)
    [shard] = shard_files(tmp_path)
    offset = shard.read_bytes().index(block(1).data)
    flip(shard, offset + 5)
    with pytest.raises(CorruptBlock) as caught:
        space.get([block(1).cid])
    assert (caught.value.cid, caught.value.shard, caught.value.offset) == (block(1).cid, shard.name, offset)
    assert space.get([block(0).cid, block(2).cid]) == [block(0).data, block(2).data]


def test_the_next_backup_heals_a_damaged_block(space: Space, tmp_path: Path) -> None:
    fill(space, 0, 3)
    [shard] = shard_files(tmp_path)
    flip(shard, shard.read_bytes().index(block(1).data))
    with pytest.raises(CorruptBlock):
        space.get([block(1).cid])
    fill(space, 0, 3)
    assert space.get([b.cid for b in blocks(0, 3)]) == [b.data for b in blocks(0, 3)]


def test_another_shards_good_copy_is_returned(space: Space, tmp_path: Path) -> None:
    fill(space, 0, 3)
    [shard] = shard_files(tmp_path)
    shard.with_name(f"{shard.stem} (conflicted copy 2026-11-20).car").write_bytes(shard.read_bytes())
    space.refresh()
    flip(shard, shard.read_bytes().index(block(1).data))
    assert space.get([block(1).cid]) == [block(1).data]


def test_a_vanished_shard_is_forgotten(space: Space, tmp_path: Path) -> None:
    fill(space, 0, 3)
    [shard] = shard_files(tmp_path)
    shard.unlink()
    space.refresh()
    assert space.has([b.cid for b in blocks(0, 3)]) == set()
