"""Power cuts, full disks and kill -9 at every step: nothing acknowledged is ever lost (S1, S2, C4)."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pail import CID, MissingBlock
from pail.event import decode_event
from space import FolderClock, Space, SpaceFull, open_folder
from tests.space.blocks import DID, agent, block, blocks, put_event
from tests.space.faults import RecordingFiles, Survives, TrippingFiles, disk_full, lay_out, replay

Acknowledged = list[tuple[int, list[CID], CID]]
"""After how many steps: these blocks, and an event."""


def work(path: Path, files: RecordingFiles) -> Acknowledged:
    """A few backups in small: blocks published, then an event advanced."""
    done: Acknowledged = []
    with open_folder(path / "folder", cache=path / "cache", did=DID, files=files) as space:
        clock = FolderClock(space, agent(1))
        for number in range(3):
            batch = blocks(number * 5, number * 5 + 5)
            with space.stage() as stage:
                stage.put_many(batch)
                stage.publish()
            event, shard = put_event(clock.head(), number)
            clock.advance(event.cid, [event, shard])
            done.append((len(files.log), [b.cid for b in batch], event.cid))
    return done


def check_nothing_is_lost(path: Path, acknowledged: Acknowledged, steps: int) -> None:
    with open_folder(path / "folder", cache=path / "cache", did=DID) as space:
        head = FolderClock(space, agent(1)).head()
        due = [(cids, event) for after, cids, event in acknowledged if after <= steps]
        for cids, event in due:
            space.get([*cids, event])
        assert not due or (head and head[0] in [event for _, _, event in acknowledged[len(due) - 1 :]])
        # An index from later than the cut knows shards that were never durable: it names those as gone.
        assert all(damage.cause.startswith("the file is gone") for damage in space.check().damages)


def cut_power_everywhere(path: Path, files: RecordingFiles) -> int:
    """Each prefix of the steps, each thing a disk may do, with the index lost and with a later one."""
    done = work(path, files)
    cuts = 0
    log: list[tuple[Any, ...]] = files.log
    shutil.copytree(path / "cache", path / "latest")
    for steps in range(len(log) + 1):
        left = [replay(log[:steps], survives) for survives in Survives]
        for survivor in [files for number, files in enumerate(left) if files not in left[:number]]:
            for cache in (None, path / "latest"):
                shutil.rmtree(path / "cache")
                if cache:
                    shutil.copytree(cache, path / "cache")
                lay_out(path / "folder", survivor)
                check_nothing_is_lost(path, done, steps)
                cuts += 1
    return cuts


def test_no_power_cut_loses_what_was_acknowledged(tmp_path: Path) -> None:
    assert cut_power_everywhere(tmp_path, RecordingFiles()) > 150


class ForgetsToSyncFiles(RecordingFiles):
    def sync(self, file: int) -> None:
        pass


class ForgetsToSyncFolders(RecordingFiles):
    def sync_folder(self, folder: Path) -> None:
        pass


@pytest.mark.parametrize("forgetful", [ForgetsToSyncFiles, ForgetsToSyncFolders])
def test_the_power_cuts_find_a_store_that_forgets_to_sync(
    tmp_path: Path, forgetful: type[RecordingFiles]
) -> None:
    with pytest.raises((MissingBlock, AssertionError)):
        cut_power_everywhere(tmp_path, forgetful())


def test_a_disk_that_fills_up_at_any_step_is_said_so_and_changes_nothing(tmp_path: Path) -> None:
    for at in range(100):
        path = tmp_path / str(at)
        with open_folder(path / "folder", cache=path / "cache", did=DID) as space:
            fill(space, 0, 5)
        files = TrippingFiles(at, disk_full)
        with open_folder(path / "folder", cache=path / "cache", files=files) as space:
            try:
                fill(space, 5, 10)
            except SpaceFull:
                check_it_is_as_before(path, space)
            else:
                break
    assert at > 8


def fill(space: Space, first: int, last: int) -> None:
    with space.stage() as stage:
        stage.put_many(blocks(first, last))
        stage.publish()


def check_it_is_as_before(path: Path, space: Space) -> None:
    assert space.has([b.cid for b in blocks(0, 10)]) == {b.cid for b in blocks(0, 5)}
    assert space.get([block(3).cid]) == [block(3).data]
    assert not list(path.rglob("*.tmp"))
    with open_folder(path / "folder", cache=path / "cache") as freed:
        fill(freed, 5, 10)
        assert freed.get([block(7).cid]) == [block(7).data]
        assert freed.check().whole


def test_a_disk_that_fills_up_while_the_clock_advances_leaves_the_head(tmp_path: Path) -> None:
    for at in range(100):
        path = tmp_path / str(at)
        first, second = put_event((), 1), put_event((put_event((), 1)[0].cid,), 2)
        with open_folder(path / "folder", cache=path / "cache", did=DID) as space:
            FolderClock(space, agent(1)).advance(first[0].cid, first)
        files = TrippingFiles(at, disk_full)
        with open_folder(path / "folder", cache=path / "cache", files=files) as space:
            clock = FolderClock(space, agent(1))
            try:
                clock.advance(second[0].cid, second)
            except SpaceFull:
                assert clock.head() in ((first[0].cid,), (second[0].cid,))
                assert not list(path.rglob("*.tmp"))
            else:
                assert clock.head() == (second[0].cid,)
                break
    assert at > 12


def run_child(*arguments: str) -> list[str]:
    """The lines of tests/space/child.py, in another process."""
    script = [sys.executable, "-m", "tests.space.child", *arguments]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_kill_at_any_step_loses_nothing_acknowledged(tmp_path: Path) -> None:
    for kill in map(Path, run_child("kill", str(tmp_path))):
        acknowledged = (kill / "acknowledged").read_text().split()
        with open_folder(kill / "folder", cache=kill / "cache", did=DID) as space:
            clock = FolderClock(space, agent(1))
            for number in range(len(acknowledged)):
                space.get([b.cid for b in blocks(number * 5, number * 5 + 5)])
            assert not acknowledged or int(acknowledged[-1]) <= history(space, clock)
            assert space.check().whole
            assert not list(kill.rglob("*.tmp"))
    assert len(list(tmp_path.iterdir())) > 40


def history(space: Space, clock: FolderClock) -> int:
    """How many events precede the head, itself counted."""
    head, count = clock.head(), 0
    while head:
        [event] = head
        head = decode_event(space.get([event])[0]).parents
        count += 1
    return count
