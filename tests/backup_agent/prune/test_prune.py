"""What is kept is whole after a prune, and what is not is gone (S5)."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backup_agent.errors import PruneRefused
from backup_agent.prune.drop import drop
from backup_agent.prune.policy import stored_policy
from backup_agent.prune.prune import preview, prune
from backup_agent.retention import Policy, kept
from pail import crdt, run
from pail.crdt import root as root_of
from space.sorting import MERGE_FROM
from tests.backup_agent.prune.made import ACCOUNTS, FIRST_MS, HOUR_MS, Machine, machine
from tests.space.faults import RecordingFiles, Survives, lay_out, replay

LAST_2 = Policy(last=2)


def fill(one: Machine, count: int = 6, account: str = ACCOUNTS[0], first: int = 0) -> None:
    """Each snapshot has a post and a blob that only it has, and shares some with its neighbours."""
    for hour in range(first, first + count):
        posts = {f"p{number}": f"post {number} " * 20 for number in range(hour, hour + 8)}
        one.back_up(account, hour, posts, [bytes([hour]) * 3000, b"shared" * 500])


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def files_of(folder: Path) -> set[str]:
    return {path.name for path in (folder / "space/shards").iterdir()}


def test_what_is_kept_is_whole_and_the_rest_is_freed(tmp_path: Path) -> None:
    with machine(tmp_path) as one:
        fill(one, 20)
        before, names = size_of(tmp_path / "space"), {e.timestamp for e in one.entries()}
        done = prune(one.job, LAST_2, remember=True)
        assert [e.timestamp for e in one.entries()] == sorted(kept(LAST_2, sorted(names)))
        assert one.problems() == []
        assert not files_of(tmp_path) & set(done.cleared.removed)
        assert 0 < done.cleared.freed_bytes < before - size_of(tmp_path / "space") + 20_000
        assert size_of(tmp_path / "space") < before / 3


def test_everything_works_afterwards(tmp_path: Path) -> None:
    with machine(tmp_path) as one:
        fill(one)
        prune(one.job, LAST_2, remember=True)
        assert one.space.check().whole
        assert one.clock.unreached() == []
        fill(one, 2, first=10)
        assert one.problems() == []
        assert len(one.entries()) == 4
    with machine(tmp_path, "another") as other:  # with no index
        assert other.problems() == []
        assert len(other.entries()) == 4


def test_a_second_prune_has_nothing_to_do(tmp_path: Path) -> None:
    with machine(tmp_path) as one:
        fill(one)
        prune(one.job, LAST_2, remember=True)
        before = files_of(tmp_path)
        again = prune(one.job, LAST_2, remember=True)
        assert (again.cleared.removed, again.cleared.dead_blocks, again.plan.dropped) == ([], 0, [])
        assert files_of(tmp_path) == before


def test_a_preview_says_what_goes_and_writes_nothing(tmp_path: Path) -> None:
    with machine(tmp_path) as one:
        fill(one)
        before = files_of(tmp_path)
        told = preview(one.job, LAST_2)
        assert files_of(tmp_path) == before
        done = prune(one.job, LAST_2, remember=False)
        assert told.plan.dropped == done.plan.dropped
        assert set(told.cleared.removed) <= set(done.cleared.removed)
        assert told.cleared.dead_blocks <= done.cleared.dead_blocks


def test_the_policy_is_kept_with_the_space(tmp_path: Path) -> None:
    with machine(tmp_path) as one:
        fill(one, 3)
        assert stored_policy(one.clock.head(), one.space.get) is None
        prune(one.job, Policy(last=2), remember=True)
        prune(one.job, Policy(last=1), remember=False)
    with machine(tmp_path, "another") as other:
        assert stored_policy(other.clock.head(), other.space.get) == Policy(last=2)


def test_each_account_keeps_its_own(tmp_path: Path) -> None:
    with machine(tmp_path) as one:
        for account in ACCOUNTS:
            fill(one, 2, account)
        prune(one.job, Policy(last=1), remember=False)
        assert [e.account for e in one.entries()] == ACCOUNTS
        assert one.problems() == []


def test_a_snapshot_of_a_time_that_nobody_lives_in_is_left_alone(tmp_path: Path) -> None:
    with machine(tmp_path) as one:
        fill(one, 2)
        one.back_up(ACCOUNTS[0], 7_000 * 366 * 24, {"a": "late"})
        prune(one.job, Policy(last=1), remember=False)
        assert [e.timestamp[:4] for e in one.entries()] == ["2020", "9034"]


def test_many_small_shards_become_one(tmp_path: Path) -> None:
    with machine(tmp_path) as one:
        for hour in range(MERGE_FROM - 1):
            one.back_up(ACCOUNTS[0], hour, {"a": f"{hour} " * 9000})
        everything = Policy(last=1000)
        assert prune(one.job, everything, remember=False).cleared.removed == []
        one.back_up(ACCOUNTS[0], MERGE_FROM, {"a": "last" * 9000})
        told = preview(one.job, everything).cleared
        done = prune(one.job, everything, remember=False).cleared
        assert len(told.removed) == len(done.removed) == len(done.rewritten) == MERGE_FROM
        assert len(list((tmp_path / "space/shards").glob("*.car"))) == 1
        assert (len(one.entries()), one.problems()) == (MERGE_FROM, [])
        assert prune(one.job, everything, remember=False).cleared.removed == []


def test_after_a_clock_was_a_year_ahead_no_rule_takes_all_for_one_hour(tmp_path: Path) -> None:
    with machine(tmp_path) as one:
        for hour in (0, 9000, 9000.001, 9000.002):
            one.back_up(ACCOUNTS[0], hour, {"a": str(hour)})
        one.space.lease.now_ms = lambda: FIRST_MS + 100 * HOUR_MS
        assert prune(one.job, Policy(daily=9), remember=False).plan.ahead == 3
        assert len(one.entries()) == 4
        one.space.lease.now_ms = lambda: FIRST_MS + 9001 * HOUR_MS
        prune(one.job, Policy(daily=9), remember=False)
        assert len(one.entries()) == 2


def test_dropping_keys_is_deleting_them_one_by_one(tmp_path: Path) -> None:
    with machine(tmp_path) as one:
        fill(one, 4)
        keys = [key for key, _ in run(crdt.entries(one.clock.head()), one.space.get)][:3]
        done = run(drop(one.clock.head(), keys), one.space.get)
        head = one.clock.head()
        with one.space.stage() as stage:
            for key in keys:
                update = run(crdt.delete(head, key), stage.get)
                assert update.event
                stage.put_many([*update.additions, update.event])
                head = update.head
            assert head == (done.event,)
            shards = {cid for cid, _ in done.blocks}
            assert run(root_of(head), stage.get).root in shards


histories = st.lists(
    st.tuples(st.sampled_from(ACCOUNTS), st.sets(st.integers(0, 12), max_size=8), st.sets(st.integers(0, 3))),
    min_size=1,
    max_size=10,
)


@settings(max_examples=15, deadline=None)
@given(histories, st.builds(Policy, last=st.integers(1, 3), daily=st.integers(0, 2)), st.integers(0, 9))
def test_any_history_is_whole_after_a_prune(
    history: list[tuple[str, set[int], set[int]]], policy: Policy, again_at: int
) -> None:
    folder = Path(tempfile.mkdtemp())
    with machine(folder) as one:
        for hour, (account, posts, blobs) in enumerate(history):
            texts = {f"p{number}": f"post {number} " * 9 for number in posts}
            one.back_up(account, hour * 7, texts, [bytes([number]) * 2000 for number in sorted(blobs)])
            if hour == again_at:
                prune(one.job, policy, remember=False)
        wanted: set[str] = set()
        for account in ACCOUNTS:
            stamps = [e.timestamp for e in one.entries() if e.account == account]
            wanted |= {account + stamp for stamp in kept(policy, stamps)}
        done = prune(one.job, policy, remember=False)
        assert (done.missing, done.cleared.waiting) == (set(), {})
        assert {e.account + e.timestamp for e in one.entries()} == wanted
        assert one.problems() == []
    with machine(folder, "another", agent="laptop") as other:
        assert other.problems() == []
        assert {e.account + e.timestamp for e in other.entries()} == wanted
        assert preview(other.job, policy).cleared.removed == []
    shutil.rmtree(folder)


def test_a_cut_at_any_step_loses_nothing_kept_and_the_next_prune_finishes(tmp_path: Path) -> None:
    files = RecordingFiles()
    with machine(tmp_path, files=files) as one:
        fill(one, 2)
        first = len(files.log)
        prune(one.job, Policy(last=1), remember=False)
        wanted = [e.cid for e in one.entries()]
    cuts = 0
    for steps in range(first, len(files.log) + 1):
        left = [replay(files.log[:steps], survives) for survives in Survives]
        for survivor in [each for number, each in enumerate(left) if each not in left[:number]]:
            shutil.rmtree(tmp_path / "cut", ignore_errors=True)
            lay_out(tmp_path / "space", survivor)
            with machine(tmp_path, "cut", agent="laptop") as one:
                assert {e.cid for e in one.entries()} >= set(wanted)
                assert one.problems() == []
                one.space.lease.now_ms = later(one)
                one.space.lease.others()
                one.space.lease.now_ms = later(one)
                done = prune(one.job, Policy(last=1), remember=False)
                assert (done.cleared.waiting, one.problems()) == ({}, [])
                assert [e.cid for e in one.entries()] == wanted
            cuts += 1
    assert cuts > 40


def later(one: Machine) -> Callable[[], int]:
    """The machine's clock a day on: by then nobody counts on a lease that was left."""
    now_ms = one.space.lease.now_ms() + 24 * 3600_000
    return lambda: now_ms


def test_a_prune_that_cannot_tell_what_is_needed_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    with machine(tmp_path) as one:
        fill(one, 3)
        before = one.entries()
    newest = max((tmp_path / "space/shards").glob("*.car"), key=lambda path: path.stat().st_mtime_ns)
    content = newest.read_bytes()
    newest.write_bytes(content.replace(b"did:plc:aaaa", b"did:plc:aaab"))
    with machine(tmp_path) as one:
        with pytest.raises(PruneRefused):
            prune(one.job, Policy(last=1), remember=True)
        newest.write_bytes(content)
    with machine(tmp_path, "fresh") as one:
        assert one.entries() == before


def test_a_head_that_cannot_be_read_may_need_anything(tmp_path: Path) -> None:
    with machine(tmp_path) as one, machine(tmp_path, "other") as other:
        fill(one, 2)
        fill(other, 1, ACCOUNTS[1])
        [head] = [p for p in (tmp_path / "space/heads").iterdir() if other.signer.did[8:] in p.name]
        head.write_bytes(head.read_bytes()[:-1])
        with pytest.raises(PruneRefused, match=r"the head .* cannot be read"):
            prune(one.job, Policy(last=1), remember=True)
