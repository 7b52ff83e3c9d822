"""What every store of blocks must do. A test module for a store subclasses `SpaceContract`."""

import pytest

from pail import CID, MissingBlock, TooLarge, run
from pail.walk import Walk
from space import CorruptBlock, Published, Space, StageClosed
from space.stock import MAX_BLOCK_BYTES
from tests.space.blocks import block, blocks


class SpaceContract:
    """Give a `space` fixture that yields an empty space."""

    def test_a_published_block_is_read_back(self, space: Space) -> None:
        with space.stage() as stage:
            stage.put_many([block(1)])
            stage.publish()
        assert space.get([block(1).cid]) == [block(1).data]

    def test_blocks_come_in_the_order_asked_for(self, space: Space) -> None:
        with space.stage() as stage:
            stage.put_many(blocks(0, 50))
            stage.publish()
        wanted = [block(40), block(3), block(40), block(0)]
        assert space.get([b.cid for b in wanted]) == [b.data for b in wanted]

    def test_a_block_that_was_never_put_is_missing(self, space: Space) -> None:
        with pytest.raises(MissingBlock) as caught:
            space.get([block(1).cid])
        assert caught.value.cid == block(1).cid

    def test_an_empty_block_is_a_block(self, space: Space) -> None:
        empty = block(1, 0)
        with space.stage() as stage:
            stage.put_many([empty])
            stage.publish()
        assert space.get([empty.cid]) == [b""]

    def test_has_names_what_is_here(self, space: Space) -> None:
        with space.stage() as stage:
            stage.put_many(blocks(0, 10))
            stage.publish()
        assert space.has([b.cid for b in blocks(5, 15)]) == {b.cid for b in blocks(5, 10)}

    def test_a_cid_of_another_hash_is_not_here(self, space: Space) -> None:
        with space.stage() as stage:
            stage.put_many([block(1)])
            stage.publish()
        other = CID(b"\x01\x71\x16\x20" + block(1).cid[4:])  # sha3-256, the same digest
        assert space.has([other]) == set()
        with pytest.raises(MissingBlock):
            space.get([other])

    def test_leaving_a_stage_drops_its_blocks(self, space: Space) -> None:
        with space.stage() as stage:
            stage.put_many([block(1)])
        assert space.has([block(1).cid]) == set()

    def test_a_staged_block_is_read_by_the_stage_alone(self, space: Space) -> None:
        with space.stage() as stage:
            stage.put_many([block(1)])
            assert stage.get([block(1).cid]) == [block(1).data]
            assert space.has([block(1).cid]) == set()

    def test_a_stage_reads_the_space_too(self, space: Space) -> None:
        with space.stage() as stage:
            stage.put_many([block(1)])
            stage.publish()
        with space.stage() as stage:
            stage.put_many([block(2)])
            cids = [block(2).cid, block(1).cid]
            assert stage.get(cids) == [block(2).data, block(1).data]
            assert stage.has([*cids, block(3).cid]) == set(cids)

    def test_only_new_blocks_are_written(self, space: Space) -> None:
        with space.stage() as stage:
            assert stage.put_many(blocks(0, 10)) == 10
            assert stage.put_many(blocks(5, 12)) == 2
            stage.publish()
        with space.stage() as stage:
            assert stage.put_many(blocks(11, 13)) == 1
            assert stage.publish().blocks == 1

    def test_publishing_nothing_new_writes_nothing(self, space: Space) -> None:
        with space.stage() as stage:
            stage.put_many(blocks(0, 10))
            stage.publish()
        with space.stage() as stage:
            stage.put_many(blocks(0, 10))
            assert stage.publish() == Published((), 0, 0)

    def test_a_published_stage_takes_no_more(self, space: Space) -> None:
        with space.stage() as stage:
            stage.publish()
            with pytest.raises(StageClosed):
                stage.put_many([block(1)])

    def test_a_block_above_the_limit_is_refused(self, space: Space) -> None:
        with space.stage() as stage:
            stage.put_many([block(1, MAX_BLOCK_BYTES)])
            with pytest.raises(TooLarge):
                stage.put_many([block(1, MAX_BLOCK_BYTES + 8)])

    def test_a_lie_that_was_stored_is_never_returned(self, space: Space) -> None:
        with space.stage() as stage:
            stage.put_many([(block(1).cid, b"a lie")])
            stage.publish()
        with pytest.raises(CorruptBlock):
            space.get([block(1).cid])

    def test_it_answers_walks(self, space: Space) -> None:
        def walk() -> Walk[bytes]:
            return (yield block(1).cid)

        with space.stage() as stage:
            stage.put_many([block(1)])
            stage.publish()
        assert run(walk(), space.get) == block(1).data
