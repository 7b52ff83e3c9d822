"""A place asks before each write, and takes no more than its space may have. On both databases."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from backup_agent.server import account_rows, lease_rows
from backup_agent.server.errors import NoLongerAllowed, UsedUp
from backup_agent.server.lease_rows import Lease
from backup_agent.server.limits import DAY_MS, Limits, count_bytes
from backup_agent.server.permit import Permit
from backup_agent.server.permitted_place import PermittedPlace
from backup_agent.server.schedule import State
from space import LOCAL_FILES
from space.folder_place import FolderPlace
from space.layout import HEADS, SHARDS
from space.place import Draft, Entry, Place
from space.place_cache import PlaceCache
from tests.backup_agent.server.rows import NOW_MS, SPACE, Book


class FarPlace:
    """A bucket. after: called whenever something was published."""

    is_near, packs = False, True

    def __init__(self, inner: Place, after: Callable[[], None] = lambda: None) -> None:
        self._inner, self._after = inner, after

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def publish(self, room: str, drafts: Sequence[tuple[Draft, str]]) -> list[Entry]:
        entries = self._inner.publish(room, drafts)
        self._after()
        return entries


@dataclass
class Run:
    """One that is under way, with 100 bytes left of its day."""

    book: Book
    lease: Lease
    inner: Place

    def place(self, *, is_near: bool = True) -> PermittedPlace:
        return self.permitted(self.inner if is_near else cast(Place, FarPlace(self.inner)))

    def permitted(self, inner: Place) -> PermittedPlace:
        return PermittedPlace(inner, Permit(self.book.database, self.lease, SPACE, [], 100))

    def pause(self) -> None:
        account = self.book.account(self.lease.account)
        self.book.database.do(
            lambda session: account_rows.set_state(session, account, State.PAUSED, "paused by its owner")
        )


@pytest.fixture
def run(book: Book, tmp_path: Path) -> Run:
    lease = book.lease(book.add("did:plc:a"), book.worker("w"))
    book.database.do(lambda session: lease_rows.take(session, lease, book.now_ms))
    kept = PlaceCache(tmp_path / "cache", "place")
    folder = FolderPlace(tmp_path / "space", LOCAL_FILES, home=kept.home, lock=kept.lock)
    folder.make_ready()
    return Run(book, lease, folder)


@pytest.mark.parametrize("is_near", [True, False], ids=["a folder", "a bucket"])
def test_a_head_is_written_while_it_may_be_and_never_after(run: Run, is_near: bool) -> None:
    place = run.place(is_near=is_near)
    place.store(HEADS, "a.head", b"first")
    run.pause()
    with pytest.raises(NoLongerAllowed, match="paused by its owner"):
        place.store(HEADS, "a.head", b"second")
    assert place.load(HEADS, "a.head", 99) == b"first"


def test_a_shard_is_published_while_it_may_be_and_never_after(run: Run) -> None:
    place = run.place()
    drafts = [place.draft(SHARDS) for _ in range(2)]
    place.publish(SHARDS, [(drafts[0], "a.car")])
    run.pause()
    with pytest.raises(NoLongerAllowed):
        place.publish(SHARDS, [(drafts[1], "b.car")])
    assert [each.name for each in place.list(SHARDS)] == ["a.car"]


def test_between_two_of_many_shards_that_a_bucket_takes_the_run_is_stopped(run: Run) -> None:
    place = run.permitted(cast(Place, FarPlace(run.inner, run.pause)))
    drafts = [(place.draft(SHARDS), name) for name in ("a.car", "b.car", "c.car")]
    with pytest.raises(NoLongerAllowed):
        place.publish(SHARDS, drafts)
    assert [each.name for each in place.list(SHARDS)] == ["a.car"]


def test_nothing_is_removed(run: Run) -> None:
    place = run.place()
    place.store(HEADS, "a.head", b"head")
    with pytest.raises(AssertionError):
        place.remove(HEADS, "a.head")
    assert place.load(HEADS, "a.head", 99) == b"head"


def test_a_run_writes_no_more_than_its_space_may_take(run: Run) -> None:
    draft = run.place().draft(SHARDS)
    draft.write(bytes(100))
    with pytest.raises(UsedUp, match="bytes"):
        draft.write(b"x")


def test_a_space_has_so_many_runs_and_bytes_a_day(book: Book) -> None:
    limits = Limits(runs_a_day=2, bytes_a_day=100)

    def begin(now_ms: int, space: str = SPACE) -> int:
        return book.database.do(lambda session: limits.begin(session, space, now_ms))

    assert begin(NOW_MS) == 100
    book.database.do(lambda session: count_bytes(session, SPACE, 30, NOW_MS))
    assert begin(NOW_MS) == 70
    with pytest.raises(UsedUp, match="runs"):
        begin(NOW_MS)
    assert begin(NOW_MS + DAY_MS) == 100
    book.database.do(lambda session: count_bytes(session, SPACE, 100, NOW_MS + DAY_MS))
    with pytest.raises(UsedUp, match="bytes"):
        begin(NOW_MS + DAY_MS)
    assert begin(NOW_MS + DAY_MS, "did:key:z6MkOther") == 100
