"""Writers and pruners at one place at once: nothing that is recorded is lost (S5, spec/prune.md)."""

import subprocess
import sys
from pathlib import Path

import pytest

from backup_agent.prune.prune import prune
from backup_agent.retention import Policy
from pail import CID, MissingBlock, crdt, run
from space import PruneBegan, Stage
from space.clearing import GRACE_MS
from space.layout import shard_of_name
from space.lease import LIFE_MS
from space.marks import decode_mark, encode_mark
from space.remake import remake
from tests.backup_agent.prune.made import ACCOUNTS, FIRST_MS, Machine, machine, make_snapshot
from tests.backup_agent.prune.test_prune import files_of, fill
from tests.space.bucket_server import BucketServer, environ

LAST = Policy(last=1)
OLD = {f"p{number}": f"post {number} " * 20 for number in range(8)}


def pruned(one: Machine, *, now: bool = True) -> "tuple[int, set[str]]":
    """How many shards went, and why others stay."""
    cleared = prune(one.job, LAST, remember=False, now=now).cleared
    assert one.problems() == []
    return len(cleared.removed), set(cleared.waiting.values())


def write(one: Machine, stage: Stage, hour: int) -> tuple[CID, str]:
    """A snapshot in a stage, not published yet; it counts on what the space has of OLD."""
    backup, blocks = make_snapshot(one.signer, ACCOUNTS[1], FIRST_MS + hour, OLD)
    stage.put_many(blocks.items())
    return backup, f"{ACCOUNTS[1]}/backups/2020-01-15T08:00:00.{hour:03}Z"


def record(one: Machine, stage: Stage, backup: CID, key: str) -> CID:
    update = run(crdt.put(one.clock.head(), key, backup), stage.get)
    assert update.event
    stage.put_many([*update.additions, update.event])
    stage.publish()
    return update.event.cid


def test_a_writer_that_decided_before_a_prune_publishes_nothing_and_begins_anew(tmp_path: Path) -> None:
    with machine(tmp_path) as one, machine(tmp_path, "other") as other:
        fill(other, 3)
        one.space.refresh()
        with one.space.stage() as stage:
            backup, key = write(one, stage, 1)  # the blocks of the oldest snapshot are held: not written
            assert pruned(other)[0] > 0
            with pytest.raises((PruneBegan, MissingBlock)):
                record(one, stage, backup, key)
        one.space.refresh()
        with one.space.stage() as stage:
            event = record(one, stage, *write(one, stage, 1))
        one.clock.advance(event)
        assert (one.problems(), len(one.entries())) == ([], 2)


def test_a_prune_removes_nothing_while_another_writes(tmp_path: Path) -> None:
    with machine(tmp_path) as one, machine(tmp_path, "other") as other:
        fill(other, 3)
        one.space.refresh()
        with one.space.stage() as stage:
            event = record(one, stage, *write(one, stage, 1))
        removed, why = pruned(other)
        assert (removed, why) == (0, {"1 other run may be writing here; the next prune goes on"})
        one.clock.advance(event)
        assert (one.problems(), len(one.entries())) == ([], 2)
        one.space.close()
        assert pruned(other)[0] > 0
        assert (other.problems(), len(other.entries())) == ([], 2)


def test_what_became_needed_after_the_mark_is_saved_before_its_shard_goes(tmp_path: Path) -> None:
    with machine(tmp_path) as one, machine(tmp_path, "other") as other:
        fill(other, 3)
        with one.space.stage() as stage:  # a lease, so that the mark is made and nothing is removed
            stage.put_many(make_snapshot(one.signer, ACCOUNTS[2], 1, {})[1].items())
            stage.publish()
        assert pruned(other)[0] == 0
        # As a machine does that the mark has not reached yet: it counts on what is doomed.
        marks = [path.rename(tmp_path / path.name) for path in (tmp_path / "space").glob("*.mark")]
        with one.space.stage() as stage:
            event = record(one, stage, *write(one, stage, 1))
        one.clock.advance(event)
        one.space.close()
        for path in marks:
            path.rename(tmp_path / "space" / path.name)
        assert pruned(other)[0] > 0
        assert (other.problems(), len(other.entries())) == ([], 2)
    with machine(tmp_path, "fresh") as fresh:
        assert fresh.problems() == []


def test_a_head_that_came_after_the_mark_is_built_on_before_the_next_prune(tmp_path: Path) -> None:
    with machine(tmp_path) as one, machine(tmp_path, "other") as other:
        fill(other, 1)
        one.space.refresh()
        with one.space.stage() as stage:
            event = record(one, stage, *write(one, stage, 1))
        assert pruned(other)[0] == 0  # to it this event was nobody's, and its shard is doomed
        one.clock.advance(event)
        other.back_up(ACCOUNTS[2], 5, {"a": "new"})
        assert (one.problems(), len(one.entries())) == ([], 3)
        one.space.close()
        other.space.close()
    with machine(tmp_path, "third") as third:
        assert pruned(third)[0] > 0
        assert (third.problems(), len(third.entries())) == ([], 3)


def test_a_crashed_writer_of_another_machine_stops_a_prune_for_six_hours(tmp_path: Path) -> None:
    with machine(tmp_path) as one:
        fill(one, 3)
        (tmp_path / "space/0badcafe-00.lease").write_text("{}")
        assert pruned(one)[0] == 0
        start = one.space.lease.now_ms()
        one.space.lease.now_ms = lambda: start + LIFE_MS + 1
        assert pruned(one)[0] > 0


def test_a_crashed_writer_of_this_machine_stops_nothing(tmp_path: Path) -> None:
    with machine(tmp_path) as one:
        fill(one, 3)
        name = f"{one.space.index.home}-00.lease"
        (tmp_path / "space" / name).write_text("{}")
        (one.space.head_lock.parent / name).touch()  # nobody holds the lock
        assert pruned(one)[0] > 0
        assert len(list((tmp_path / "space").glob("*.lease"))) == 1  # its own


def test_in_a_folder_that_others_write_to_it_waits_a_week(tmp_path: Path) -> None:
    with machine(tmp_path, "other") as other:
        fill(other, 1, ACCOUNTS[1])
    with machine(tmp_path) as one:
        fill(one, 3)
        removed, why = pruned(one, now=False)
        assert (removed, [text[:27] for text in why]) == (0, ["heads of other agents may b"])
        start = one.space.lease.now_ms()
        one.space.lease.now_ms = lambda: start + GRACE_MS + 1
        assert pruned(one, now=False)[0] > 0


def test_and_where_another_home_writes_with_the_same_key(tmp_path: Path) -> None:
    with machine(tmp_path) as one:
        fill(one, 3)
        [head] = (tmp_path / "space/heads").iterdir()
        head.with_name(f"{head.stem} (conflicted copy).head").write_bytes(head.read_bytes())
        assert pruned(one, now=False)[0] == 0
        assert pruned(one, now=True)[0] > 0


def test_what_a_prune_removed_is_no_loss_to_other_machines(tmp_path: Path) -> None:
    with machine(tmp_path) as one, machine(tmp_path, "other") as other:
        fill(one, 4)
        assert other.problems() == []
        assert pruned(one)[0] > 0
        assert other.problems() == []
        assert other.space.check().damages == ()


def test_a_shard_that_a_mark_names_does_not_come_back_under_its_name(tmp_path: Path) -> None:
    with machine(tmp_path) as one:
        fill(one, 3)
        gone = set(prune(one.job, LAST, remember=False).cleared.removed)
        _, blocks = make_snapshot(one.signer, ACCOUNTS[0], FIRST_MS, OLD)
        for _ in range(2):
            with one.space.stage() as stage:
                stage.put_many(blocks.items())
                stage.publish()
        assert not files_of(tmp_path) & gone
        assert one.space.has(blocks) == blocks.keys()


def test_an_event_that_no_head_reaches_is_not_thrown_away(tmp_path: Path) -> None:
    with machine(tmp_path) as one:
        fill(one, 3)
        with one.space.stage() as stage:  # published, and ended before the head was written
            record(one, stage, *write(one, stage, 1))
        assert pruned(one) == (
            0,
            {"among them is an event that no head reaches; `skypail repair` takes it in"},
        )
        assert len(one.clock.recover()) == 1
        assert (one.problems(), len(one.entries())) == ([], 2)


def test_a_mark_that_is_torn_or_named_otherwise_is_none(tmp_path: Path) -> None:
    with machine(tmp_path) as one:
        fill(one, 1)
        named = [cid for name in one.space.index.shards() if (cid := shard_of_name(name))]
        name, content = encode_mark(one.signer.did, named)
        assert decode_mark(name, content) == sorted(named)
        (tmp_path / "space" / name).write_bytes(content[:-1])
        (tmp_path / "space" / f"x{name}").write_bytes(content)
    with machine(tmp_path) as one:
        assert one.space.index.doomed.rows() == set()


def work_at_once(folder: Path, url: str = "") -> None:
    """Two machines write and a third prunes, each in a process of its own; nothing is lost."""
    machine(folder, url=url).space.close()
    work = [("write", "one", "0"), ("write", "two", "1"), ("prune", "three", "0")]
    script = [sys.executable, "-m", "tests.backup_agent.prune.child", str(folder), url]
    running = [subprocess.Popen([*script, *arguments]) for arguments in work]
    assert [process.wait(100) for process in running] == [0, 0, 0]
    with machine(folder, "four", url=url) as four:
        assert four.problems() == []
        assert {e.account for e in four.entries()} == {*ACCOUNTS[:2]}
        assert max(e.timestamp for e in four.entries()) == "2020-01-16T07:00:00.000Z"
        start = four.space.lease.now_ms()
        four.space.lease.others()
        four.space.lease.now_ms = lambda: start + LIFE_MS + 1
        assert pruned(four)[1] == set()
        assert len(four.entries()) == 2


def test_two_writers_and_a_pruner_lose_nothing(tmp_path: Path) -> None:
    work_at_once(tmp_path)


def test_two_writers_and_a_pruner_lose_nothing_in_a_bucket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = BucketServer()
    try:
        for name, value in environ(server.url).items():
            monkeypatch.setenv(name, value)
        work_at_once(tmp_path, f"s3://{server.new_bucket()}/space")
    finally:
        server.stop()


def test_an_agent_that_was_away_goes_on_from_an_old_head(tmp_path: Path) -> None:
    with machine(tmp_path) as one, machine(tmp_path, "other") as other:
        fill(one, 2)
        old = other.clock.head()
        fill(one, 3, first=10)
        assert pruned(one)[0] > 0
        assert other.space.lease.is_outdated()
        _, key = write(other, stage := other.space.stage(), 1)
        backup, blocks = make_snapshot(other.signer, ACCOUNTS[1], FIRST_MS + 1, OLD)
        made = remake(one.space.get_lasting, old[0])  # as the machine that was away still has it
        update = run(
            crdt.put(old, key, backup), lambda cids: [made.get(c) or one.space.get([c])[0] for c in cids]
        )
        assert update.event
        with stage:
            stage.put_many([*blocks.items(), update.event, *update.additions])
            stage.publish()
        other.clock.advance(update.event.cid)
        other.space.close()
        assert (one.problems(), len(one.entries())) == ([], 2)
        assert pruned(one)[0] >= 0
        assert len(one.entries()) == 2


def test_any_pail_is_made_again_from_the_events(tmp_path: Path) -> None:
    with machine(tmp_path) as one:
        heads: list[CID] = []
        for hour in range(4):
            one.back_up(ACCOUNTS[hour % 2], hour, {"a": str(hour)})
            heads += one.clock.head()
        roots = [run(crdt.root((head,)), one.space.get).root for head in heads]
        assert pruned(one)[0] > 0
        for head, root in zip(heads, roots, strict=True):
            made = remake(one.space.get_lasting, head)
            assert root in made or one.space.has([root])
