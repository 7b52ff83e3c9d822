"""The guard: a wrong root is refused (C6), and a narrowed delegation adds and does nothing else."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clock_service import Caveats, Guard, Store, open_store
from clock_service.errors import (
    BadEvent,
    DeleteRefused,
    ElsewhereRefused,
    HeadMoved,
    NotPermitted,
    Refused,
    RewriteRefused,
    ShardsWanted,
    TooMuch,
    WrongRoot,
)
from pail import CID, crdt
from pail.clock import encode_event
from pail.operation import Put, encode_operation
from tests.clock_service.made import SPACE, Author, open_service
from tests.memory_store import forget, value

ADDER = Caveats(keys="mine/", ops=frozenset({"put"}))
OWNER = Caveats()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = open_store(f"sqlite:///{tmp_path}/clock.db")
    yield store
    store.close()


@pytest.fixture
def author() -> Author:
    return Author()


class Clock:
    """One clock, asked plainly. Nothing that pail has read before helps the guard."""

    def __init__(self, store: Store, author: Author, guard: Guard = Guard.WHEN_POSSIBLE) -> None:
        self.author = author
        self.service = open_service(store, guard)

    def take(self, event: CID, caveats: Caveats = OWNER, *, blocks=None):
        forget()
        blocks = self.author.all() if blocks is None else blocks
        return asyncio.run(self.service.advance(SPACE, event, blocks, caveats))

    def refuse(self, error: type[Refused], event: CID, caveats: Caveats = OWNER, *, blocks=None):
        before = asyncio.run(self.service.head(SPACE))
        with pytest.raises(error) as caught:
            self.take(event, caveats, blocks=blocks)
        assert type(caught.value) is error
        assert asyncio.run(self.service.head(SPACE)) == before
        return caught.value


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


def test_an_adder_adds_under_its_prefix(store, author) -> None:
    clock = Clock(store, author)
    head = clock.take(author.put((), "theirs/a").head[0])
    head = clock.take(author.put(head, "mine/a").head[0], ADDER)
    event = author.batch(head, "mine/b", "mine/c").head[0]
    assert clock.take(event, ADDER) == (event,)
    assert clock.take(event, ADDER) == (event,)


def test_an_adder_does_not_delete(store, author) -> None:
    clock = Clock(store, author)
    head = clock.take(author.put((), "mine/a").head[0])
    assert clock.refuse(DeleteRefused, author.delete(head, "mine/a").head[0], ADDER).key == "mine/a"


def test_an_adder_does_not_rewrite(store, author) -> None:
    clock = Clock(store, author)
    head = clock.take(author.put((), "mine/a").head[0])
    event = author.put(head, "mine/a", "another value").head[0]
    assert clock.refuse(RewriteRefused, event, ADDER).key == "mine/a"
    assert clock.take(event, Caveats(keys="mine/")) == (event,)


def test_an_adder_does_not_write_elsewhere(store, author) -> None:
    clock = Clock(store, author)
    assert clock.refuse(ElsewhereRefused, author.put((), "theirs/a").head[0], ADDER).key == "theirs/a"
    assert clock.refuse(ElsewhereRefused, author.batch((), "mine/a", "min").head[0], ADDER).key == "min"


def test_who_may_only_delete_does_not_put(store, author) -> None:
    clock = Clock(store, author)
    event = author.put((), "mine/a").head[0]
    clock.refuse(NotPermitted, event, Caveats(ops=frozenset({"del"})))


def test_an_adder_sends_the_shards_whatever_the_guard(store, author) -> None:
    for guard in Guard:
        clock = Clock(store, author, guard)
        event = author.put((), "mine/a").head[0]
        head = clock.take(event)
        event = author.put(head, f"mine/{guard}").head[0]
        clock.refuse(ShardsWanted, event, ADDER, blocks=author.only(event))


def test_an_adder_brings_nothing_forbidden_along_as_an_ancestor(store, author) -> None:
    clock = Clock(store, author)
    head = clock.take(author.put((), "theirs/a").head[0])
    hidden = author.delete(head, "theirs/a").head
    event = author.put(hidden, "mine/a").head[0]
    assert clock.refuse(DeleteRefused, event, ADDER).event == hidden[0]


def test_an_adder_does_not_rewrite_from_before_the_key_was_there(store, author) -> None:
    clock = Clock(store, author)
    first = author.put((), "theirs/a").head
    clock.take(first[0])
    head = clock.take(author.put(first, "mine/a").head[0])
    early = author.put(first, "mine/a", "another value").head[0]
    assert clock.refuse(HeadMoved, early, ADDER).head == head
    from_nothing = author.put((), "mine/a", "another value").head[0]
    assert clock.refuse(HeadMoved, from_nothing, ADDER).head == head


def test_an_adder_may_stand_beside_others_who_add(store, author) -> None:
    clock = Clock(store, author)
    first = author.put((), "theirs/a").head
    clock.take(first[0])
    theirs, mine = author.put(first, "theirs/b").head[0], author.put(first, "mine/a").head[0]
    clock.take(theirs)
    assert clock.take(mine, ADDER) == tuple(sorted([theirs, mine]))


def test_an_adder_does_not_decide_a_conflict_of_others(store, author) -> None:
    """Standing upon one side of it alone would replay that side first."""
    clock = Clock(store, author)
    first = author.put((), "theirs/a").head
    sides = [author.put(first, "theirs/k", text).head[0] for text in ("one", "two")]
    for event in (*first, *sides):
        head = clock.take(event)
    for side in sides:
        clock.refuse(HeadMoved, author.put((side,), "mine/a").head[0], ADDER)
    before = author.run(crdt.get(head, "theirs/k"))
    head = clock.take(author.put(head, "mine/a").head[0], ADDER)
    assert author.run(crdt.get(head, "theirs/k")) == before


def test_an_adder_does_not_reopen_a_conflict_that_was_settled(store, author) -> None:
    clock = Clock(store, author)
    sides = [author.put((), "theirs/k", text).head[0] for text in ("one", "two")]
    for event in sides:
        head = clock.take(event)
    clock.take(author.put(head, "theirs/b").head[0])
    for side in sides:
        clock.refuse(HeadMoved, author.put((side,), "mine/a").head[0], ADDER)


def test_an_adder_names_no_more_parents_than_the_head(store, author) -> None:
    """A side of a settled conflict that is named once more weighs more, and might win this time."""
    clock = Clock(store, author)
    sides = [author.put((), "theirs/k", text).head[0] for text in ("one", "two")]
    for event in sides:
        head = clock.take(event)
    head = clock.take(author.put(head, "theirs/b").head[0])
    for side in sides:
        more = tuple(sorted([*head, side]))
        clock.refuse(HeadMoved, author.put(more, "mine/a").head[0], ADDER)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 4), st.sampled_from("ab"), st.integers(0, 2)), min_size=1, max_size=6),
    st.integers(1, 6),
    st.sampled_from(["mine/x", "mine/a"]),
)
def test_after_what_an_adder_does_every_older_key_has_its_value(tmp_path_factory, past, back, key) -> None:
    """Whatever the past, whatever head the adder chooses: refused, or one key more and nothing else."""
    store, author = open_store(f"sqlite:///{tmp_path_factory.mktemp('db')}/clock.db"), Author()
    clock = Clock(store, author)
    heads, now = [()], ()
    for steps, name, text in past:
        update = author.put(heads[-min(steps, len(heads))], f"mine/{name}", str(text))
        if update.event is not None:
            now = clock.take(update.event.cid)
            heads += [update.head, now]
    before = dict(author.run(crdt.entries(now)))
    update = author.put(heads[-min(back, len(heads))], key, "new")
    try:
        after = dict(author.run(crdt.entries(clock.take(update.head[0], ADDER))))
    except (HeadMoved, RewriteRefused):
        after = before
    store.close()
    assert after in (before, {**before, key: value("new")})
    assert before.items() <= after.items()


def test_an_adder_does_not_stand_beside_what_nobody_can_replay(store, author) -> None:
    opaque = encode_event([], {"opaque": 1})
    clock = Clock(store, author, Guard.OFF)
    clock.take(opaque.cid, blocks=[opaque])
    clock.refuse(BadEvent, author.put((), "mine/a").head[0], ADDER)
    upon = encode_event([opaque.cid], encode_operation(Put("mine/a", value("a")), author.put((), "a").root))
    clock.refuse(BadEvent, upon.cid, ADDER, blocks=[*author.all(), upon])


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
