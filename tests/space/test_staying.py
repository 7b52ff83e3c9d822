"""Before the last other copy of a block goes, what was only believed to have it is read once."""

from collections.abc import Sequence
from pathlib import Path

import obstore
import pytest

from space import SpaceUnavailable, staying
from space import stage as stage_module
from space.clearing import clear
from space.index import ShardRow
from space.intake import Inspected, Look, take_in
from space.layout import MARK_SUFFIX, SHARDS, shard_of_name
from space.place import Draft, Entry
from tests.space.blocks import agent, block, blocks
from tests.space.bucket_server import BucketGround, BucketServer


@pytest.fixture
def ground(tmp_path: Path, bucket_server: BucketServer, monkeypatch: pytest.MonkeyPatch) -> BucketGround:
    """Where each shard has an index object, as large ones do."""
    monkeypatch.setattr(stage_module, "SMALL_SHARD_BYTES", 0)
    return BucketGround(tmp_path, bucket_server.url, bucket_server.new_bucket())


def fill(ground: BucketGround, machine: str, first: int, last: int) -> None:
    with ground.space(machine) as space, space.stage() as stage:
        stage.put_many(blocks(first, last))
        stage.publish()


def shards_of(ground: BucketGround) -> list[str]:
    names = [Path(meta["path"]).name for meta in ground.store().list(SHARDS).collect()]
    return [name for name in names if shard_of_name(name)]


def test_a_copy_that_was_only_believed_is_read_before_a_prune_removes_the_other(ground: BucketGround) -> None:
    fill(ground, "a", 0, 10)
    fill(ground, "b", 9, 12)
    [_, name] = sorted(shards_of(ground), key=lambda name: len(ground.get(SHARDS, name)), reverse=True)
    content = bytearray(ground.get(SHARDS, name))
    content[len(content) // 3] ^= 1
    ground.damage(SHARDS, name, bytes(content))
    live = {block(number).cid[-32:] for number in range(9, 12)}
    with ground.space("a") as a:
        assert clear(a, agent(1).did, lambda: live).removed
    with ground.space("c") as c:  # with nothing at hand
        c.refresh()
        assert c.get([block(9).cid]) == [block(9).data]


def test_what_was_believed_is_proved_once(ground: BucketGround, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(ground, "a", 0, 10)
    fill(ground, "b", 9, 12)
    read = list[str]()

    def noted(space: Inspected, entry: Entry, known: ShardRow | None) -> Look | None:
        read.append(entry.name)
        return take_in(space, entry, known)

    monkeypatch.setattr(staying, "take_in", noted)
    live = {block(number).cid[-32:] for number in range(9, 12)}
    with ground.space("a") as a:
        for _ in range(2):
            clear(a, agent(1).did, lambda: live)
        assert len(read) == 1
        assert a.check(read_data=False).believed == 0


def test_what_became_needed_while_it_was_marked_stays(ground: BucketGround) -> None:
    fill(ground, "a", 0, 10)
    lives = [set[bytes](), {block(3).cid[-32:]}]
    with ground.space("a") as a:
        assert clear(a, agent(1).did, lambda: lives.pop(0)).removed
    with ground.space("c") as c:
        c.refresh()
        assert c.get([block(3).cid]) == [block(3).data]


def test_nothing_goes_before_what_was_rewritten_is_read_back(
    ground: BucketGround, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(ground, "a", 0, 10)
    [old] = shards_of(ground)
    with ground.space("a") as a:
        publish = a.place.publish

        def damaging(room: str, drafts: Sequence[tuple[Draft, str]]) -> list[Entry]:
            entries = publish(room, drafts)
            for name in (entry.name for entry in entries if shard_of_name(entry.name)):
                ground.damage(SHARDS, name, bytes(len(ground.get(SHARDS, name))))
            return entries

        monkeypatch.setattr(a.place, "publish", damaging)
        with pytest.raises(SpaceUnavailable):
            clear(a, agent(1).did, lambda: {block(3).cid[-32:]})
        assert not [entry.name for entry in a.place.list("") if entry.name.endswith(MARK_SUFFIX)]
    assert old in shards_of(ground)


def test_what_is_gone_when_it_is_to_be_proved_is_not_counted_on(
    ground: BucketGround, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(ground, "a", 0, 10)
    fill(ground, "b", 9, 12)
    asked = list[str]()

    def gone(_space: Inspected, entry: Entry, _known: ShardRow | None) -> None:
        asked.append(entry.name)
        assert len(asked) == 1

    monkeypatch.setattr(staying, "take_in", gone)
    with ground.space("a") as a:
        clear(a, agent(1).did, lambda: {block(number).cid[-32:] for number in range(9, 12)})
    for name in asked:
        obstore.delete(ground.store(), f"{SHARDS}/{name}")
    with ground.space("c") as c:
        c.refresh()
        assert c.get([block(9).cid]) == [block(9).data]
