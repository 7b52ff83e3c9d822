"""A narrowed delegation adds and does nothing else, whatever head its holder chooses."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clock_service import Caveats, Guard, open_store
from clock_service.errors import (
    BadEvent,
    DeleteRefused,
    ElsewhereRefused,
    HeadMoved,
    NotPermitted,
    RewriteRefused,
    ShardsWanted,
)
from pail import crdt
from pail.clock import encode_event
from pail.operation import Put, encode_operation
from tests.clock_service.guarded import ADDER, Clock
from tests.clock_service.made import Author
from tests.memory_store import value


@pytest.fixture
def url(tmp_path: Path) -> str:
    """SQLite is enough: what differs between databases is tested elsewhere."""
    return f"sqlite:///{tmp_path}/clock.db"


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
