"""Replicas that work apart and meet again hold the same (C2)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pail import CID, DecodeError, InvalidKey, NoHead
from pail.clock import Head, advance, decode_event, encode_event
from pail.crdt import batch, delete, entries, get, put, root
from pail.map import EMPTY, shards
from tests.event_graphs import make_event
from tests.memory_store import MemoryStore, forget, value

KEYS = st.text("ab", max_size=3)
REPLICAS = st.integers(0, 2)
STEPS = st.lists(
    st.tuples(st.just("put"), REPLICAS, KEYS)
    | st.tuples(st.just("delete"), REPLICAS, KEYS)
    | st.tuples(st.just("batch"), REPLICAS, st.lists(KEYS, max_size=3))
    | st.tuples(st.just("pull"), REPLICAS, REPLICAS),
    max_size=20,
)


def see(store: MemoryStore, head: Head, events) -> Head:
    for event in events:
        head = store.run(advance(head, event))
    return head


def change(store: MemoryStore, head: Head, number: int, step: tuple) -> Head:
    kind, _, key = step
    cid = value(f"value {number % 3}")
    walks = {
        "put": lambda: put(head, key, cid),
        "delete": lambda: delete(head, key),
        "batch": lambda: batch(head, [(k, cid) for k in key]),
    }
    return store.commit(walks[kind]()).head


def play(store: MemoryStore, steps: list[tuple]) -> list[Head]:
    heads: list[Head] = [(), (), ()]
    for number, step in enumerate(steps):
        kind, replica, other = step
        if kind == "pull":
            heads[replica] = see(store, heads[replica], heads[other])
        else:
            heads[replica] = change(store, heads[replica], number, step)
    return heads


@settings(max_examples=150)
@given(STEPS, st.randoms(use_true_random=False))
def test_replicas_converge_in_whatever_order_events_arrive(steps, random) -> None:
    store = MemoryStore()
    heads = play(store, steps)
    events = [event for head in heads for event in head]
    met = [see(store, head, random.sample(events, len(events)) + events[:2]) for head in heads]
    assert met[0] == met[1] == met[2]
    if met[0]:
        first = store.run(root(met[0]))
        forget()
        assert store.run(root(met[0])) == first


@settings(max_examples=60)
@given(STEPS)
def test_the_additions_of_every_update_are_all_that_must_be_stored(steps) -> None:
    store = MemoryStore()
    store[EMPTY.cid] = EMPTY.data
    for head in play(store, steps):
        for event in head:
            state = decode_event(store[event]).data["root"]
            assert set(store.run(shards(state))) <= store.keys()


@settings(max_examples=60)
@given(st.lists(st.lists(KEYS, max_size=5), min_size=2, max_size=3))
def test_concurrent_puts_of_different_keys_add_up(agents: list[list[str]]) -> None:
    store, head, wanted = MemoryStore(), (), {}
    base = store.commit(put((), "base", value("base"))).head
    for number, keys in enumerate(agents):
        own = base
        for key in keys:
            wanted[f"{key}{number}"] = value(key)
            own = store.commit(put(own, f"{key}{number}", value(key))).head
        head = see(store, head, own)
    assert dict(store.run(entries(head))) == wanted | {"base": value("base")}


def test_two_agents_that_both_start_from_nothing_converge() -> None:
    store = MemoryStore()
    one = store.commit(put((), "a", value("x"))).head
    two = store.commit(put((), "b", value("y"))).head
    head = see(store, one, two)
    assert head == see(store, two, one)
    assert store.run(entries(head)) == [("a", value("x")), ("b", value("y"))]


def test_a_delete_and_what_was_concurrent_with_it_both_hold() -> None:
    store = MemoryStore()
    base = store.commit(batch((), [("a", value("x")), ("ab", value("y"))])).head
    one, two = store.commit(delete(base, "ab")).head, store.commit(put(base, "b", value("z"))).head
    head = see(store, one, two)
    assert store.run(entries(head)) == [("a", value("x")), ("b", value("z"))]
    assert store.run(get(head, "ab")) is None


def test_a_put_on_a_forked_head_joins_it() -> None:
    store = MemoryStore()
    one, two = (store.commit(put((), key, value(key))).head for key in "ab")
    update = store.commit(put(see(store, one, two), "c", value("c")))
    assert set(decode_event(store[update.head[0]]).parents) == {*one, *two}
    assert list(store.listed(update.root)) == ["a", "b", "c"]


def test_an_update_that_changes_nothing_is_no_event() -> None:
    store = MemoryStore()
    first = store.commit(put((), "a", value("x")))
    for walk in (put(first.head, "a", value("x")), delete(first.head, "b")):
        assert store.run(walk) == (first.root, first.head, None, (), ())


def test_the_events_of_a_head_are_not_read_beyond_it() -> None:
    store, head = MemoryStore(), ()
    for number in range(50):
        head = store.commit(put(head, f"{number}", value("x"))).head
    assert store.count(root(head)) == 1


def test_the_empty_head_has_no_root_and_no_entries() -> None:
    store = MemoryStore()
    with pytest.raises(NoHead):
        store.run(root(()))
    assert store.run(get((), "a")) is None
    assert store.run(entries(())) == []


def test_refuses_a_key_that_no_pail_can_hold() -> None:
    with pytest.raises(InvalidKey):
        MemoryStore().run(put((), "é", value("x")))


ROOT: CID = EMPTY.cid


@pytest.mark.parametrize(
    "data",
    [
        None,
        {"type": "put", "root": ROOT, "key": "a"},
        {"type": "put", "root": ROOT, "key": "é", "value": ROOT},
        {"type": "put", "root": "x", "key": "a", "value": ROOT},
        {"type": "put", "root": ROOT, "key": "a", "value": ROOT, "more": 1},
        {"type": "del", "root": ROOT, "key": 1},
        {"type": "batch", "root": ROOT, "ops": [{"type": "del", "key": "a"}]},
        {"type": "batch", "root": ROOT, "ops": "ops"},
        {"type": "clear", "root": ROOT},
    ],
)
def test_an_event_that_holds_no_operation_is_refused(data: object) -> None:
    store = MemoryStore()
    event = make_event(store, [], data)
    stranger = encode_event([], {"type": "del", "root": ROOT, "key": "a"})
    store[stranger.cid] = stranger.data
    for head in ((event,), tuple(sorted([event, stranger.cid]))):
        with pytest.raises(DecodeError):
            store.run(root(head))
