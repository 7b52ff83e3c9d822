"""What a process must not forget, believe or leave behind when others prune (S5, spec/prune.md)."""

import os
from pathlib import Path

import pytest

from backup_agent.prune.prune import prune
from backup_agent.retention import Policy
from pail import CAR, CID, cid_of
from space import PruneBegan
from space.lease import LOOK_AFTER_MS
from space.marks import encode_mark
from tests.backup_agent.prune.made import ACCOUNTS, FIRST_MS, HOUR_MS, Machine, machine, make_snapshot
from tests.backup_agent.prune.test_prune import files_of, fill
from tests.backup_agent.prune.test_together import pruned, record, write

POSTS = {f"p{number}": f"post {number} " * 20 for number in range(30)}


def test_a_writer_that_reads_the_head_in_between_still_begins_anew(tmp_path: Path) -> None:
    with machine(tmp_path) as one, machine(tmp_path, "other") as other:
        fill(other, 3)
        one.clock.head()  # known from now on, and not in a head object of its own
        with one.space.stage() as stage:
            backup, key = write(one, stage, 1)
            assert pruned(other)[0] > 0
            one.clock.head()  # makes an old pail again, or tries to: that is not the writer
            with pytest.raises(PruneBegan):
                one.clock.advance(record(one, stage, backup, key))
        assert one.problems() == []


def test_a_head_is_not_written_once_a_prune_began(tmp_path: Path) -> None:
    with machine(tmp_path) as one:
        fill(one, 1)
        with one.space.stage() as stage:
            event = record(one, stage, *write(one, stage, 1))
        one.space.index.doom("a.mark", [cid_of(CAR, b"another shard")])
        with pytest.raises(PruneBegan):
            one.clock.advance(event)
        assert event not in one.clock.head()
        one.clock.advance(event)


def test_one_that_only_reads_writes_nothing_after_the_prune_of_another(tmp_path: Path) -> None:
    with machine(tmp_path) as one, machine(tmp_path, "other") as other:
        fill(other, 3)
        one.clock.head()
        assert pruned(other)[0] > 0
        before = files_of(tmp_path)
        assert len(one.clock.head()) == 1
        assert files_of(tmp_path) == before


def test_marks_are_looked_at_again_after_a_minute_whatever_others_think_of_the_lease(tmp_path: Path) -> None:
    with machine(tmp_path) as one:
        fill(one, 1)
        lease, start = one.space.lease, one.space.lease.now_ms()
        lease.now_ms = lambda: start
        lease.hold()
        name, content = encode_mark(one.signer.did, [stage_one(one)])
        (tmp_path / "space" / name).write_bytes(content)
        lease.hold()
        lease.now_ms = lambda: start + LOOK_AFTER_MS
        with pytest.raises(PruneBegan):
            lease.hold()


def stage_one(one: Machine) -> CID:
    with one.space.stage() as stage:
        stage.put_many(make_snapshot(one.signer, ACCOUNTS[2], FIRST_MS, {})[1].items())
        return stage.publish().shards[0]


def test_a_lease_of_a_copy_of_this_home_is_that_of_another_machine(tmp_path: Path) -> None:
    with machine(tmp_path) as one:
        fill(one, 3)
        (tmp_path / f"space/{one.space.index.home}-00.lease").write_text("{}")  # no lock of that name here
        assert pruned(one)[0] == 0


def test_a_block_does_not_belong_to_a_shard_where_it_is_damaged(tmp_path: Path) -> None:
    with machine(tmp_path) as one:
        one.back_up(ACCOUNTS[0], 1, POSTS)
        spoil(tmp_path, b"post 7 ")
        assert one.problems() != []
        _, blocks = make_snapshot(one.signer, ACCOUNTS[0], FIRST_MS + HOUR_MS, POSTS)
        with one.space.stage() as stage:
            assert stage.put_many(blocks.items()) == 1  # what is damaged
            stage.publish()
        assert prune(one.job, Policy(last=1), remember=False).cleared.removed == []
        assert one.problems() == []


def test_a_copy_goes_only_where_the_other_still_reads_well(tmp_path: Path) -> None:
    with machine(tmp_path) as one, machine(tmp_path, "other") as other:
        one.back_up(ACCOUNTS[0], 1, POSTS)
        assert other.problems() == []  # so it believes the shard from now on
        spoil(tmp_path, b"post 7 ")
        assert one.problems() != []
        _, blocks = make_snapshot(one.signer, ACCOUNTS[0], FIRST_MS + HOUR_MS, POSTS)
        with one.space.stage() as stage:
            stage.put_many(blocks.items())
            stage.publish()
        one.space.close()
        pruned(other)
    with machine(tmp_path, "fresh") as fresh:
        fresh.space.repair()
        assert fresh.problems() == []


def spoil(folder: Path, text: bytes) -> None:
    """Flip a bit, in a way that no look at sizes and times notices."""
    [shard] = [path for path in (folder / "space/shards").glob("*.car") if text in path.read_bytes()]
    stat, content = shard.stat(), bytearray(shard.read_bytes())
    content[content.find(text)] ^= 1
    shard.write_bytes(content)
    os.utime(shard, ns=(stat.st_atime_ns, stat.st_mtime_ns))
