"""Two machines on one synced folder: whatever order files come in, both end with the union (C1, C3)."""

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from pail import CID, crdt, run
from pail.clock import advance
from space import FolderClock, open_folder
from tests.space.blocks import DID, OTHER_DID, agent, block


class Machine:
    """An agent, its home, and its copy of the folder."""

    def __init__(self, path: Path, number: int) -> None:
        self.folder = path / f"folder{number}"
        self.space = open_folder(self.folder, cache=path / f"home{number}", did=[DID, OTHER_DID][number])
        self.clock = FolderClock(self.space, agent(number))
        self.own_head = f"heads/{agent(number).did.removeprefix('did:key:')}.head"
        self.events: list[CID] = []

    def put(self, key: str, value: int | None) -> None:
        """Set or delete a key, as every command does: on the head as known here and now."""
        operation = crdt.delete(self.clock.head(), key) if value is None else None
        operation = operation or crdt.put(self.clock.head(), key, block(value or 0).cid)
        update = run(operation, self.space.get)
        if update.event:
            self.clock.advance(update.event.cid, [*update.additions, update.event])
            self.events.append(update.event.cid)

    def files(self) -> list[str]:
        return sorted(str(p.relative_to(self.folder)) for p in self.folder.rglob("*.*") if p.is_file())

    def holds(self, event: CID) -> bool:
        head = self.clock.head()
        return run(advance(head, event), self.space.get) == head


def carry(source: Machine, target: Machine, number: int, quarters: int, *, as_copy: bool) -> None:
    """One file on its way: as much of it as has arrived, maybe as a conflict copy."""
    name = source.files()[number % len(source.files())]
    content = (source.folder / name).read_bytes()
    there = target.folder / name
    if as_copy or name == target.own_head:
        there = there.with_name(f"{there.stem} (conflicted copy {number}){there.suffix}")
    is_here = there.suffix != ".head" and there.exists() and len(there.read_bytes()) >= len(content)
    if not is_here:
        there.write_bytes(content[: len(content) * quarters // 4])


def sync_fully(source: Machine, target: Machine) -> None:
    """All that the source has is whole at the target, but for the target's own head."""
    for name in source.files():
        content, there = (source.folder / name).read_bytes(), target.folder / name
        own = name == source.own_head
        if own or not there.exists() or (there.suffix != ".head" and len(there.read_bytes()) < len(content)):
            there.write_bytes(content)


writes = st.tuples(st.integers(0, 1), st.sampled_from(["a/1", "a/2", "b"]), st.integers(0, 3) | st.none())
carries = st.tuples(st.integers(0, 1), st.integers(0, 30), st.integers(0, 4), st.booleans())


@settings(max_examples=40, deadline=None)
@given(steps=st.lists(writes | carries, max_size=25))
def test_two_machines_converge_to_the_union(steps: list[tuple[int, str, int | None]]) -> None:
    with tempfile.TemporaryDirectory() as path:
        machines = [Machine(Path(path), 0), Machine(Path(path), 1)]
        for who, *step in steps:
            match step:
                case [str(key), value]:
                    machines[who].put(key, value)
                case [number, quarters, as_copy]:
                    carry(machines[who], machines[1 - who], number, quarters, as_copy=as_copy)
            assert all(machine.holds(event) for machine in machines for event in machine.events)
        check_they_converge(*machines)


def check_they_converge(a: Machine, b: Machine) -> None:
    sync_fully(a, b)
    sync_fully(b, a)
    assert a.clock.head() == b.clock.head()
    assert not a.clock.report().pending
    assert all(a.holds(event) for event in [*a.events, *b.events])
    if a.events or b.events:
        assert (
            run(crdt.root(a.clock.head()), a.space.get).root
            == run(crdt.root(b.clock.head()), b.space.get).root
        )
        assert run(crdt.entries(a.clock.head()), a.space.get) == run(
            crdt.entries(b.clock.head()), b.space.get
        )
    a.space.close()
    b.space.close()


def test_a_head_that_comes_before_its_shard_waits(tmp_path: Path) -> None:
    a, b = Machine(tmp_path, 0), Machine(tmp_path, 1)
    a.put("key", 1)
    (b.folder / a.own_head).write_bytes((a.folder / a.own_head).read_bytes())
    assert b.clock.head() == ()
    assert list(b.clock.report().pending) == a.events
    sync_fully(a, b)
    assert b.clock.head() == a.clock.head()


def test_a_newer_head_without_its_shard_does_not_hide_what_was_known(tmp_path: Path) -> None:
    a, b = Machine(tmp_path, 0), Machine(tmp_path, 1)
    a.put("key", 1)
    sync_fully(a, b)
    known = b.clock.head()
    a.put("key", 2)
    (b.folder / a.own_head).write_bytes((a.folder / a.own_head).read_bytes())
    assert b.clock.head() == known


def test_a_shard_that_is_half_here_is_not_taken_in_until_it_is_whole(tmp_path: Path) -> None:
    a, b = Machine(tmp_path, 0), Machine(tmp_path, 1)
    a.put("key", 1)
    [shard] = [name for name in a.files() if name.endswith(".car")]
    content = (a.folder / shard).read_bytes()
    for size in (0, 1, len(content) // 2, len(content) - 1):
        (b.folder / shard).write_bytes(content[:size])
        b.space.refresh()
        assert b.space.has(a.events) == set()
        assert b.space.check().incomplete == (Path(shard).name,)
    (b.folder / shard).write_bytes(content)
    b.space.refresh()
    assert b.space.has(a.events) == set(a.events)


def test_a_sync_conflict_copy_of_a_shard_is_as_good_as_the_shard(tmp_path: Path) -> None:
    a, b = Machine(tmp_path, 0), Machine(tmp_path, 1)
    a.put("key", 1)
    [shard] = [name for name in a.files() if name.endswith(".car")]
    copy = shard.replace(".car", ".sync-conflict-20261120-101500-ABCDEFG.car")
    (b.folder / copy).write_bytes((a.folder / shard).read_bytes())
    b.space.refresh()
    assert b.space.has(a.events) == set(a.events)


def test_another_machines_file_in_the_making_is_left_alone(tmp_path: Path) -> None:
    a, b = Machine(tmp_path, 0), Machine(tmp_path, 1)
    with a.space.stage() as stage:
        stage.put_many([block(1)])
        [making] = (a.folder / "shards").glob("~*.tmp")
        (b.folder / "shards" / making.name).write_bytes(making.read_bytes())
        b.space.close()
        open_folder(b.folder, cache=tmp_path / "home1").close()
        assert (b.folder / "shards" / making.name).exists()
