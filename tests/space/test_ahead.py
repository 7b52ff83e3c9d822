"""Objects from far away are fetched several at once, in bounds, and come in order."""

import threading
from collections.abc import Sequence

import pytest

from space import SpaceUnavailable, ahead
from space.ahead import opened_ahead
from space.layout import SHARDS
from space.place import Entry
from tests.space.memory_place import MemoryPlace, OpenedBytes

AT_ONCE = 3


class WaitingPlace(MemoryPlace):
    """Gives nothing before AT_ONCE ask for it, and counts how many do."""

    def __init__(self) -> None:
        super().__init__(at_once=AT_ONCE)
        self._together = threading.Barrier(AT_ONCE, timeout=10)
        self._lock = threading.Lock()
        self._asking = self.most = 0

    def open(self, room: str, entry: Entry) -> OpenedBytes:
        with self._lock:
            self._asking += 1
            self.most = max(self.most, self._asking)
        self._together.wait()
        with self._lock:
            self._asking -= 1
        return super().open(room, entry)


def filled(place: MemoryPlace, names: Sequence[str]) -> list[Entry]:
    for name in names:
        place.store(SHARDS, name, name.encode())
    return place.list(SHARDS)


def test_so_many_as_the_place_allows_are_fetched_at_once_and_come_in_order() -> None:
    place = WaitingPlace()
    entries = filled(place, [f"object {number}" for number in range(2 * AT_ONCE)])
    found = list(opened_ahead(place, entries))
    assert [entry for entry, _ in found] == entries
    assert [opened and opened.read(0, 100) for _, opened in found] == [e.name.encode() for e in entries]
    assert place.most == AT_ONCE


def test_what_is_gone_or_large_is_left_to_the_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "MAX_AHEAD_BYTES", 5)
    place = MemoryPlace(at_once=AT_ONCE)
    entries = filled(place, ["small", "larger", "gone"])
    del place.rooms[SHARDS]["gone"]
    found = {entry.name: opened for entry, opened in opened_ahead(place, entries)}
    assert [name for name, opened in found.items() if opened] == ["small"]


def test_a_place_that_fails_is_said() -> None:
    class Failing(MemoryPlace):
        def open(self, room: str, entry: Entry) -> OpenedBytes:
            raise SpaceUnavailable("no answer")

    place = Failing(at_once=AT_ONCE)
    with pytest.raises(SpaceUnavailable):
        list(opened_ahead(place, filled(place, ["a", "b"])))
