"""What repair is done with is said in the place: whoever sees the same bytes says the same."""

import shutil
from pathlib import Path

import pytest

from space import Space, open_folder
from space.report import SpaceReport
from tests.space.blocks import DID, block, blocks


def open_space(path: Path, machine: str = "first") -> Space:
    return open_folder(path / "folder", cache=path / machine, did=DID)


def fill(space: Space, first: int = 0, last: int = 3) -> None:
    with space.stage() as stage:
        stage.put_many(blocks(first, last))
        stage.publish()


def garble(path: Path, what: bytes) -> Path:
    """Flip a bit of `what` in the one shard that has it whole."""
    [shard] = [file for file in (path / "folder/shards").glob("*.car") if what in file.read_bytes()]
    content = bytearray(shard.read_bytes())
    content[content.index(what)] ^= 1
    shard.write_bytes(content)
    return shard


def seen_by(path: Path, machine: str) -> SpaceReport:
    with open_space(path, machine) as space:
        return space.check()


@pytest.mark.parametrize("indexed", [True, False])
def test_what_is_given_up_is_given_up_for_every_machine(tmp_path: Path, indexed: bool) -> None:
    with open_space(tmp_path) as space:
        fill(space)
        shard = garble(tmp_path, block(1).data)
        if not indexed:
            shard.with_name(f"{shard.name}.idx").unlink()
        assert not space.repair().whole
    for machine in ("first", "second"):
        report = seen_by(tmp_path, machine)
        assert (report.whole, report.damages, report.settled) == (True, (), (shard.name,))
        assert report.foreign == ()


def test_a_copy_of_the_folder_says_the_same(tmp_path: Path) -> None:
    with open_space(tmp_path) as space:
        fill(space)
        shard = garble(tmp_path, block(1).data)
        space.repair()
    shutil.copytree(tmp_path / "folder", tmp_path / "other/folder")  # of other times, under another path
    assert seen_by(tmp_path / "other", "second").settled == (shard.name,)


def test_another_damage_of_the_same_file_is_named_again(tmp_path: Path) -> None:
    with open_space(tmp_path) as space:
        fill(space)
        garble(tmp_path, block(1).data)
        space.repair()
    [shard] = [
        file for file in (tmp_path / "folder/shards").glob("*.car") if block(1).cid in file.read_bytes()
    ]
    content = bytearray(shard.read_bytes())
    content[content.index(block(2).data)] ^= 1
    shard.write_bytes(content)
    for machine in ("first", "second"):
        assert seen_by(tmp_path, machine).damages


def test_what_was_saved_and_is_lost_is_named_again(tmp_path: Path) -> None:
    with open_space(tmp_path) as space:
        fill(space)
        shard = garble(tmp_path, block(1).data)
        space.repair()
    for file in (tmp_path / "folder/shards").glob("*.car"):
        if file != shard:
            file.unlink()
    assert seen_by(tmp_path, "second").damages


def test_a_note_that_is_garbled_counts_for_nothing(tmp_path: Path) -> None:
    with open_space(tmp_path) as space:
        fill(space)
        garble(tmp_path, block(1).data)
        space.repair()
    [note] = (tmp_path / "folder/shards").glob("*.settled")
    note.write_bytes(b"?")
    assert not seen_by(tmp_path, "second").whole


def test_a_damaged_file_of_which_every_block_stands_elsewhere_needs_no_repair(tmp_path: Path) -> None:
    with open_space(tmp_path) as space:
        fill(space)
    with open_space(tmp_path / "apart") as apart:
        fill(apart, 0, 4)
    for file in (tmp_path / "apart/folder/shards").iterdir():
        shutil.copy(file, tmp_path / "folder/shards")
    [shard] = [
        file for file in (tmp_path / "folder/shards").glob("*.car") if block(3).data not in file.read_bytes()
    ]
    content = bytearray(shard.read_bytes())
    content[content.index(block(1).data)] ^= 1
    shard.write_bytes(content)
    for machine in ("first", "second"):
        report = seen_by(tmp_path, machine)
        assert (report.whole, report.damages, report.settled) == (True, (), (shard.name,))
