"""What every kind of place must do. A test module for one subclasses `PlaceContract`."""

from typing import Protocol

import pytest

from space.folder_clock import FolderClock
from space.layout import HEADS, SHARDS, shard_of_name
from space.place import Entry, Place, Span
from space.space import Space
from tests.space.blocks import agent, blocks, put_event


class Ground(Protocol):
    """Where places of one kind are made: each machine has its own home and sees the same objects."""

    def place(self, machine: str) -> Place: ...

    def space(self, machine: str) -> Space: ...

    def damage(self, room: str, name: str, content: bytes) -> None:
        """Behind every machine's back."""
        ...


def publish(place: Place, name: str, content: bytes, room: str = SHARDS) -> Entry:
    draft = place.draft(room)
    draft.write(content)
    [entry] = place.publish(room, [(draft, name)])
    return entry


class PlaceContract:
    """Give a `ground` fixture on which nothing is yet."""

    def name_of(self, content: bytes) -> str:
        """Of an object among the shards. Override it where names are made of the content."""
        return "one"

    @pytest.fixture
    def place(self, ground: Ground) -> Place:
        place = ground.place("a")
        place.make_ready()
        return place

    def test_a_room_is_empty_at_first(self, place: Place) -> None:
        assert [place.list(room) for room in ("", SHARDS, HEADS)] == [[], [], []]

    def test_what_is_published_is_listed_and_read(self, place: Place) -> None:
        entry = publish(place, self.name_of(b"hello"), b"hello")
        assert place.list(SHARDS) == [entry]
        assert (entry.name, entry.size) == (self.name_of(b"hello"), 5)
        assert place.open(SHARDS, entry).size == 5
        assert place.load(SHARDS, entry.name, 100) == b"hello"

    def test_ranges_come_in_the_order_asked_for(self, place: Place) -> None:
        content = bytes(range(100))
        opened = place.open(SHARDS, publish(place, self.name_of(content), content))
        spans = [Span(90, 5), Span(0, 3), Span(90, 5), Span(40, 0)]
        wanted = [bytes(range(o, o + s)) for o, s in spans]
        assert opened.read_many(spans) == wanted
        assert [opened.read(*span) for span in spans] == wanted

    def test_a_range_past_the_end_is_cut_short(self, place: Place) -> None:
        opened = place.open(SHARDS, publish(place, self.name_of(b"hello"), b"hello"))
        assert opened.read(3, 10) == b"lo"
        assert opened.read(9, 10) == b""
        assert opened.read_many([Span(4, 4), Span(7, 1)]) == [b"o", b""]

    def test_a_draft_is_there_for_nobody_until_it_is_published(self, place: Place) -> None:
        draft = place.draft(SHARDS)
        draft.write(b"hello")
        assert (draft.read(1, 3), place.list(SHARDS)) == (b"ell", [])
        draft.drop()
        draft.drop()
        assert place.list(SHARDS) == []

    def test_another_machine_sees_what_is_published(self, ground: Ground, place: Place) -> None:
        entry = publish(place, self.name_of(b"hello"), b"hello")
        other = ground.place("b")
        assert other.list(SHARDS) == [entry]
        assert other.open(SHARDS, entry).read(0, 5) == b"hello"

    def test_publishing_the_same_again_is_done_already(self, place: Place) -> None:
        publish(place, self.name_of(b"hello"), b"hello")
        entry = publish(place, self.name_of(b"hello"), b"hello")
        assert place.list(SHARDS) == [entry]

    def test_a_small_object_is_written_over(self, place: Place) -> None:
        place.store(HEADS, "head", b"first")
        [first] = place.list(HEADS)
        place.store(HEADS, "head", b"other")
        [other] = place.list(HEADS)
        assert first.version != other.version
        assert place.load(HEADS, "head", 100) == b"other"

    def test_no_more_is_loaded_than_the_limit_and_one(self, place: Place) -> None:
        place.store(HEADS, "head", b"0123456789")
        assert place.load(HEADS, "head", 4) == b"01234"

    def test_what_is_not_there_is_not_loaded_and_not_read(self, place: Place) -> None:
        assert place.load(HEADS, "head", 4) is None
        with pytest.raises(FileNotFoundError):
            place.open(SHARDS, Entry("none", 5, "")).read(0, 5)

    def test_an_empty_object_is_an_object(self, place: Place) -> None:
        place.store(HEADS, "head", b"")
        assert place.load(HEADS, "head", 4) == b""
        assert place.open(HEADS, place.list(HEADS)[0]).read(0, 4) == b""

    def test_what_is_removed_is_gone(self, place: Place) -> None:
        publish(place, self.name_of(b"hello"), b"hello")
        place.remove(SHARDS, self.name_of(b"hello"))
        place.remove(SHARDS, self.name_of(b"hello"))
        assert place.list(SHARDS) == []
        assert place.load(SHARDS, self.name_of(b"hello"), 4) is None

    def test_rooms_are_apart(self, place: Place) -> None:
        place.store("", "x", b"outer")
        place.store(HEADS, "x", b"inner")
        assert place.load("", "x", 9) == b"outer"
        assert [entry.name for entry in place.list("")] == ["x"]

    # A space over it

    def test_two_machines_write_at_once_and_nothing_is_lost(self, ground: Ground) -> None:
        with ground.space("a") as a, ground.space("b") as b:
            clocks = [FolderClock(a, agent(1)), FolderClock(b, agent(2))]
            events = [put_event((), 1), put_event((), 2)]
            with a.stage() as first, b.stage() as second:
                first.put_many(blocks(0, 10))
                second.put_many(blocks(5, 15))
                first.publish()
                second.publish()
            for clock, (event, shard) in zip(clocks, events, strict=True):
                clock.advance(event.cid, [event, shard])
            head = tuple(sorted(event.cid for event, _ in events))
            assert [clock.head() for clock in clocks] == [head, head]
            a.refresh()
            assert a.get([block.cid for block in blocks(0, 15)]) == [block.data for block in blocks(0, 15)]

    def test_a_shard_of_wrong_bytes_is_named_and_never_given_out(self, ground: Ground) -> None:
        with ground.space("a") as a:
            with a.stage() as stage:
                stage.put_many(blocks(0, 10))
                stage.publish()
            [name] = [entry.name for entry in a.place.list(SHARDS) if shard_of_name(entry.name)]
            ground.damage(SHARDS, name, b"what is this")
            report = a.check()
            assert not report.whole
            assert a.has([block.cid for block in blocks(0, 10)]) == set()

    def test_a_lost_shard_is_named(self, ground: Ground) -> None:
        with ground.space("a") as a:
            with a.stage() as stage:
                stage.put_many(blocks(0, 10))
                stage.publish()
            for entry in a.place.list(SHARDS):
                a.place.remove(SHARDS, entry.name)
            assert not a.check().whole
