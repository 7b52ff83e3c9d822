"""What is brought to another place counts there only once it is whole."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pail import CAR, cid_of
from space import PruneBegan, Space, open_folder
from space.copying import copy_shards
from tests.space.blocks import DID, blocks

CIDS = [block.cid for block in blocks(0, 9)]


def open_at(path: Path, name: str, cache: str = "") -> Space:
    return open_folder(path / name, cache=path / f"{cache or name}-cache", did=DID)


@pytest.fixture
def source(tmp_path: Path) -> Iterator[Space]:
    """Of three shards."""
    with open_at(tmp_path, "source") as space:
        for first in (0, 3, 6):
            with space.stage() as stage:
                stage.put_many(blocks(first, first + 3))
                stage.publish()
        yield space


@pytest.mark.parametrize("machine", ["target", "another"])
def test_a_shard_that_is_damaged_where_it_was_brought_is_brought_again(
    source: Space, tmp_path: Path, machine: str
) -> None:
    with open_at(tmp_path, "target") as target:
        assert copy_shards(source, target).shards == 3
    shard = min((tmp_path / "target/shards").glob("*.car"))
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    with open_at(tmp_path, "target", machine) as target:
        assert copy_shards(source, target).shards == 1
        assert target.get(CIDS) == [block.data for block in blocks(0, 9)]
        assert copy_shards(source, target).shards == 0


def test_a_prune_sees_who_brings_something(source: Space, tmp_path: Path) -> None:
    with open_at(tmp_path, "target") as target, open_at(tmp_path, "target", "pruner") as pruner:
        copy_shards(source, target)
        assert pruner.lease.others() == 1


def test_nothing_is_published_once_a_prune_began_there(source: Space, tmp_path: Path) -> None:
    with open_at(tmp_path, "target") as target:

        def said(_done: int, _of: int) -> None:
            target.index.doom("a.mark", [cid_of(CAR, b"another shard")])

        with pytest.raises(PruneBegan):
            copy_shards(source, target, said)
        assert list((tmp_path / "target/shards").glob("*.car")) == []
        assert copy_shards(source, target).shards == 3


def test_what_another_machine_repaired_is_in_the_way_of_no_copy(source: Space, tmp_path: Path) -> None:
    shard = min((tmp_path / "source/shards").glob("*.car"))
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    source.repair()
    with open_at(tmp_path, "source", "another") as seen, open_at(tmp_path, "target") as target:
        assert copy_shards(seen, target).unreadable == ()
