"""Large stages, whose shards are hashed and written beside the caller."""

import errno
import os
from pathlib import Path

import pytest

from pail.car import CarReader
from space import LocalFiles, Space, SpaceFull, open_folder
from space.background import Background
from space.folder_place import OpenedFile
from space.layout import shard_of_name
from space.stock import take_stock
from tests.space.blocks import DID, block

MANY = [block(number, 8192) for number in range(600)]  # almost 5 MiB


class FullAfter(LocalFiles):
    """A disk with room for so many bytes."""

    def __init__(self, room: int) -> None:
        self.room = room

    def write(self, file: int, content: bytes | bytearray | memoryview) -> None:
        self.room -= len(content)
        if self.room < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        super().write(file, content)


def open_space(path: Path, files: LocalFiles) -> Space:
    return open_folder(path / "folder", cache=path / "cache", did=DID, files=files)


def publish(space: Space) -> None:
    with space.stage() as stage:
        for at in range(0, len(MANY), 7):
            stage.put_many(MANY[at : at + 7])
        stage.publish()


def test_a_large_shard_is_whole_under_its_name(tmp_path: Path) -> None:
    with open_space(tmp_path, LocalFiles()) as space:
        publish(space)
    [shard] = (tmp_path / "folder" / "shards").glob("*.car")
    name = shard_of_name(shard.name)
    assert name
    stock = take_stock(OpenedFile(LocalFiles(), shard, 0), name)
    assert stock
    assert stock.blocks == len(MANY)
    assert CarReader().feed(shard.read_bytes()) == MANY


def test_staged_blocks_are_read_while_they_are_written(tmp_path: Path) -> None:
    with open_space(tmp_path, LocalFiles()) as space, space.stage() as stage:
        for at in range(0, len(MANY), 50):
            stage.put_many(MANY[at : at + 50])
            assert stage.get([MANY[at].cid, MANY[0].cid]) == [MANY[at].data, MANY[0].data]


@pytest.mark.parametrize("room", [4096, 1 << 20, 3 << 20, 4_900_000])
def test_a_disk_that_fills_up_beside_the_caller_is_said_so(tmp_path: Path, room: int) -> None:
    with open_space(tmp_path, FullAfter(room)) as space:
        with pytest.raises(SpaceFull):
            publish(space)
        assert space.has([b.cid for b in MANY]) == set()
        assert not list(tmp_path.rglob("*.tmp"))
        assert not list(tmp_path.rglob("*.car"))


def test_a_stage_that_is_left_while_it_is_written_leaves_nothing(tmp_path: Path) -> None:
    with open_space(tmp_path, LocalFiles()) as space:
        with space.stage() as stage:
            stage.put_many(MANY)
        assert not list(tmp_path.rglob("*.tmp"))


def test_what_is_read_out_of_a_doomed_shard_is_written_anew(tmp_path: Path) -> None:
    with open_space(tmp_path, LocalFiles()) as space:
        with space.stage() as stage:
            stage.put_many(MANY[:3])
            doomed = stage.publish().shards
        space.index.doom("a.mark", doomed)
        space.lease.know()
        with space.stage() as stage:
            assert stage.get([MANY[1].cid]) == [MANY[1].data]
            assert stage.staged == {MANY[1].cid}
            assert stage.publish().blocks == 1
        assert space.has([each.cid for each in MANY[:3]]) == {MANY[1].cid}


def test_tasks_run_in_order_and_an_error_is_raised_once() -> None:
    done: list[int] = []
    background = Background()
    background.start(lambda: done.append(1))
    background.start(lambda: done.append(1 // 0))
    with pytest.raises(ZeroDivisionError):
        background.start(lambda: done.append(3))
    background.wait()
    assert done == [1]
