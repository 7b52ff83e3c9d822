"""The guard: a wrong root is refused (C6), and only so much is looked at."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clock_service import Guard, open_store
from clock_service.errors import BadEvent, ShardsWanted, TooMuch, WrongRoot
from pail import CID
from pail.clock import encode_event
from pail.operation import Put, encode_operation
from tests.clock_service.guarded import ADDER, Clock
from tests.clock_service.made import Author
from tests.memory_store import value


@pytest.fixture
def url(tmp_path: Path) -> str:
    """SQLite is enough: what differs between databases is tested elsewhere."""
    return f"sqlite:///{tmp_path}/clock.db"


def lie(author: Author, head, key: str) -> CID:
    """An event that puts `key` and names the root of another pail."""
    root = author.put(head, "other").root
    block = encode_event(head, encode_operation(Put(key, value(key)), root))
    author[block.cid] = block.data
    return block.cid


def test_a_wrong_root_is_refused_when_the_shards_came_along(store, author) -> None:
    clock = Clock(store, author)
    head = clock.take(author.put((), "a").head[0])
    event = lie(author, head, "b")
    error = clock.refuse(WrongRoot, event)
    assert error.computed == author.put(head, "b").root != error.stated


def test_a_wrong_root_of_an_ancestor_is_refused_too(store, author) -> None:
    clock = Clock(store, author)
    head = clock.take(author.put((), "a").head[0])
    wrong = lie(author, head, "b")
    event = author.put((wrong,), "c").head[0]
    assert clock.refuse(WrongRoot, event).event == wrong


def test_without_shards_a_root_is_believed_when_possible_and_refused_when_required(store, author) -> None:
    first = Clock(store, author).take(author.put((), "a").head[0])
    event = lie(author, first, "b")
    Clock(store, author, Guard.REQUIRE).refuse(ShardsWanted, event, blocks=author.only(event))
    assert Clock(store, author).take(event, blocks=author.only(event)) == (event,)


def test_a_required_guard_takes_a_bare_first_event_and_says_what_the_next_one_lacks(store, author) -> None:
    first = author.put((), "a").head[0]
    clock = Clock(store, author, Guard.REQUIRE)
    assert clock.take(first, blocks=author.only(first)) == (first,)
    second = author.put((first,), "b").head[0]
    error = clock.refuse(ShardsWanted, second, blocks=author.only(second))
    assert "attach the pail shards that it touches" in str(error)


def test_a_required_guard_takes_what_comes_with_its_shards(store, author) -> None:
    clock = Clock(store, author, Guard.REQUIRE)
    for key in ("a", "ab", "abc", "b"):
        head = clock.take(author.put((), key).head[0])
    merged = author.delete(head, "ab").head
    assert clock.take(merged[0]) == merged


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["a", "ab", "b"]), st.booleans(), st.integers(1, 3)), max_size=8))
def test_whatever_an_honest_agent_does_passes_a_required_guard(tmp_path_factory, steps) -> None:
    store, author = open_store(f"sqlite:///{tmp_path_factory.mktemp('db')}/clock.db"), Author()
    clock = Clock(store, author, Guard.REQUIRE)
    heads = [()]
    for number, (key, is_put, back) in enumerate(steps):
        head = heads[-min(back, len(heads))]
        update = author.put(head, key, str(number)) if is_put else author.delete(head, key)
        if update.event is not None:
            heads.append(clock.take(update.event.cid))
    store.close()


def test_data_that_is_no_operation_is_refused_unless_the_guard_is_off(store, author) -> None:
    block = encode_event([], {"opaque": 1})
    for guard in (Guard.WHEN_POSSIBLE, Guard.REQUIRE):
        Clock(store, author, guard).refuse(BadEvent, block.cid, blocks=[block])
    assert Clock(store, author, Guard.OFF).take(block.cid, blocks=[block]) == (block.cid,)


def test_a_guard_that_is_off_looks_at_no_root(store, author) -> None:
    event = lie(author, (), "b")
    assert Clock(store, author, Guard.OFF).take(event) == (event,)


def test_the_guard_looks_at_only_so_much_whoever_asks(store, author, monkeypatch) -> None:
    monkeypatch.setattr("clock_service.examination.MAX_EFFORT", 10)
    clock = Clock(store, author)
    first = author.put((), "theirs/a").head
    clock.take(author.chain(20, first)[-1], blocks=author.all_events())
    event = author.put(first, "mine/a").head[0]
    clock.refuse(TooMuch, event, ADDER)
    merge = author.put(clock.take(event), "merged").head[0]
    for guard in (Guard.WHEN_POSSIBLE, Guard.REQUIRE):
        Clock(store, author, guard).refuse(TooMuch, merge)
    assert clock.take(merge, blocks=author.only(merge)) == (merge,)


def test_a_long_operation_and_a_large_shard_count_for_more(store, author, monkeypatch) -> None:
    monkeypatch.setattr("clock_service.examination.MAX_EFFORT", 10)
    event = author.batch((), *(f"key/{number:03}" for number in range(100))).head[0]
    Clock(store, author).refuse(TooMuch, author.put((event,), "a").head[0])
