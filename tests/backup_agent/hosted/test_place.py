"""A place at a provider keeps the contract of every place, and so does a space over it."""

from collections.abc import Iterator

import pytest

from pail import CAR, RAW, cid_of
from space import Space
from space.layout import SHARDS, index_name, shard_name, shard_of_name
from space.remote.blobs import Refused
from space.remote.kinds import BLOB_SUFFIX
from tests.backup_agent.hosted.ground import HostedGround
from tests.provider.made import index_of, shard_of
from tests.space.blocks import block, blocks
from tests.space.contract import SpaceContract
from tests.space.place_contract import PlaceContract, publish


class TestPlace(PlaceContract):
    def name_of(self, content: bytes) -> str:
        return f"{cid_of(RAW, content)}{BLOB_SUFFIX}"


class TestSpace(SpaceContract):
    @pytest.fixture
    def space(self, ground: HostedGround) -> Iterator[Space]:
        with ground.space("a") as space:
            yield space

    def test_a_lie_that_was_stored_is_never_returned(self, space: Space) -> None:
        """It is not even stored: the provider looks at what an index says."""
        with space.stage() as stage:
            stage.put_many([(block(1).cid, b"a lie")])
            with pytest.raises(Refused):
                stage.publish()
        assert space.has([block(1).cid]) == set()


def test_another_machine_tells_shards_from_indexes_and_from_what_is_none_of_ours(
    ground: HostedGround,
) -> None:
    place = ground.place("a")
    place.make_ready()
    shard, slices, _ = shard_of(b"one", b"two")
    cid = cid_of(CAR, shard)
    other = f"{cid_of(RAW, b'foreign')}{BLOB_SUFFIX}"
    publish(place, shard_name(cid), shard)
    publish(place, index_name(cid), index_of(shard, slices))
    publish(place, other, b"foreign")
    names = {entry.name for entry in ground.place("b").list(SHARDS)}
    assert names == {shard_name(cid), index_name(cid), other}


def test_bytes_that_are_not_what_their_name_says_are_not_sent(ground: HostedGround) -> None:
    place = ground.place("a")
    place.make_ready()
    with pytest.raises(Exception, match="damaged on its way"):
        publish(place, shard_name(cid_of(CAR, b"these")), b"those")
    assert place.list(SHARDS) == []


def test_another_machine_has_the_blocks_after_a_look(ground: HostedGround) -> None:
    with ground.space("a") as a, a.stage() as stage:
        stage.put_many(blocks(0, 10))
        stage.publish()
    with ground.space("b") as b:
        b.refresh()
        assert b.get([block.cid for block in blocks(0, 10)]) == [block.data for block in blocks(0, 10)]
        assert b.check().whole


def test_a_damaged_shard_larger_than_an_answer_is_named(ground: HostedGround) -> None:
    """The provider breaks off a whole blob that is damaged; read in parts, its good blocks are found."""
    many = [*blocks(0, 10000)]
    with ground.space("a") as a:
        with a.stage() as stage:
            stage.put_many(many)
            stage.publish()
        [entry] = [entry for entry in a.place.list(SHARDS) if shard_of_name(entry.name)]
        opened = a.place.open(SHARDS, entry)
        content = bytearray(opened.read(0, entry.size))
        content[len(content) // 2] ^= 1
        ground.damage(SHARDS, entry.name, bytes(content))
        report = a.check()
        assert not report.whole
        assert len(a.has([block.cid for block in many])) == len(many) - 1
