"""The head of a clock: a function of the events seen (C1), at a cost by distance (C5)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pail import CID, DecodeError, HashMismatch, MissingBlock, TooLarge, ancestry, encode_block, run
from pail.clock import MAX_HEAD, advance, decode_event, encode_event, unseen
from tests.event_graphs import SHAPES, closure, make_chain, make_event, make_graph, maximal
from tests.memory_store import MemoryStore, forget


def fold(store: MemoryStore, events, head=()):
    for event in events:
        head = store.run(advance(head, event))
    return head


@settings(max_examples=200)
@given(SHAPES, st.randoms(use_true_random=False), st.booleans())
def test_the_head_is_what_no_seen_event_precedes_in_any_order(shape, random, is_warm) -> None:
    store = MemoryStore()
    graph = make_graph(store, shape)
    seen = random.sample(sorted(graph), random.randint(1, len(graph)))
    if is_warm:
        fold(store, graph)
    arrivals = random.choices(seen, k=len(seen)) + random.sample(seen, len(seen))
    assert fold(store, arrivals) == tuple(sorted(maximal(graph, seen)))


@settings(max_examples=100)
@given(SHAPES, st.randoms(use_true_random=False))
def test_unseen_has_all_of_the_history_that_the_head_does_not_hold(shape, random) -> None:
    store = MemoryStore()
    graph = make_graph(store, shape)
    head = tuple(sorted(maximal(graph, random.sample(sorted(graph), random.randint(0, len(graph))))))
    event = random.choice(sorted(graph))
    found = store.run(unseen(head, event))
    lacking = closure(graph, [event]) - closure(graph, head)
    assert lacking <= set(found) <= (closure(graph, [event]) if lacking else set())
    assert all(set(graph[cid]) & set(found) <= set(found[:at]) for at, cid in enumerate(found))


def test_unseen_of_the_next_event_is_that_event() -> None:
    store = MemoryStore()
    chain = make_chain(store, 100)
    other = make_event(store, [chain[50]], "other")
    event = make_event(store, [chain[-1]], "event")
    assert store.run(unseen(tuple(sorted([chain[-1], other])), event)) == (event,)
    assert store.run(unseen((chain[-1],), other)) == (other,)
    assert store.run(unseen((chain[-1],), chain[20])) == ()


@pytest.mark.parametrize("is_warm", [False, True])
def test_the_next_event_of_a_long_history_costs_one_read(is_warm: bool) -> None:
    store = MemoryStore()
    chain = make_chain(store, 10_000)
    if is_warm:
        fold(store, chain)
    assert store.count(advance((chain[-2],), chain[-1])) == 1


@pytest.mark.parametrize("is_warm", [False, True])
def test_a_concurrent_event_costs_its_distance(is_warm: bool) -> None:
    store = MemoryStore()
    chain = make_chain(store, 3000)
    other = make_event(store, [chain[-11]], "other")
    if is_warm:
        fold(store, chain)
    assert store.run(advance((chain[-1],), other)) == tuple(sorted([chain[-1], other]))
    assert store.count(advance((chain[-1],), other)) <= 25


def test_a_stale_event_costs_only_the_way_back_to_it_where_generations_are_known() -> None:
    store = MemoryStore()
    chain = make_chain(store, 3000)
    fold(store, chain)
    assert store.run(advance((chain[-1],), chain[-50])) == (chain[-1],)
    assert store.count(advance((chain[-1],), chain[-50])) <= 51


def test_generations_keep_a_walk_out_of_an_old_branch() -> None:
    store = MemoryStore()
    chain = make_chain(store, 2000)
    old = make_event(store, [chain[1000]], "old")
    merged = make_event(store, [chain[-1], old], "merged")
    fold(store, [*chain, old, merged])
    other = make_event(store, [chain[-2]], "other")
    assert store.count(advance((merged,), other)) <= 5


def stacked_diamonds(store: MemoryStore, count: int) -> CID:
    bottom = make_event(store, [], "first")
    for number in range(count):
        sides = [make_event(store, [bottom], f"{number} {side}") for side in ("left", "right")]
        bottom = make_event(store, sides, f"{number} joined")
    return bottom


def test_stacked_diamonds_are_read_once() -> None:
    store = MemoryStore()
    top = stacked_diamonds(store, 12)
    assert store.count(unseen((), top)) == 37
    forget()
    stranger = make_event(store, [], "stranger")
    assert store.count(advance((top,), stranger)) == 38


def test_a_first_event_that_nobody_has_is_refused() -> None:
    event = encode_event([], "event")
    with pytest.raises(MissingBlock):
        MemoryStore().run(advance((), event.cid))


def test_an_event_whose_ancestor_cannot_be_had_is_refused() -> None:
    store = MemoryStore()
    head = make_event(store, [], "head")
    event = make_event(store, [head, encode_event([], "lost").cid], "event")
    with pytest.raises(MissingBlock):
        store.run(advance((head,), event))


def test_a_block_with_other_bytes_is_refused_at_the_door() -> None:
    event, other = encode_event([], "event"), encode_event([], "other")
    with pytest.raises(HashMismatch):
        run(advance((), event.cid), lambda cids: [other.data for _ in cids])


def test_a_walk_past_its_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    store = MemoryStore()
    chain, stranger = make_chain(store, 50), make_event(store, [], "stranger")
    monkeypatch.setattr(ancestry, "MAX_WALK", 51)
    assert len(store.run(advance((chain[-1],), stranger))) == 2
    forget()
    monkeypatch.setattr(ancestry, "MAX_WALK", 50)
    with pytest.raises(TooLarge):
        store.run(advance((chain[-1],), stranger))


def test_a_head_past_its_limit_is_refused() -> None:
    store = MemoryStore()
    events = [make_event(store, [], number) for number in range(MAX_HEAD + 1)]
    head = tuple(sorted(events[:-1]))
    with pytest.raises(TooLarge):
        store.run(advance(head, events[-1]))


PARENT = encode_event([], "parent").cid
OTHER = encode_event([], "other").cid


@pytest.mark.parametrize(
    "event",
    [
        [],
        {"parents": []},
        {"data": 1},
        {"data": 1, "parents": [], "more": 1},
        {"data": 1, "parents": {}},
        {"data": 1, "parents": ["x"]},
        {"data": 1, "parents": [[PARENT]]},
        {"data": 1, "parents": [CID(b"\x01\x55" + PARENT[2:])]},
        {"data": 1, "parents": [PARENT, PARENT]},
        {"data": 1, "parents": sorted([PARENT, OTHER], reverse=True)},
    ],
)
def test_what_is_no_event_is_refused(event: object) -> None:
    with pytest.raises(DecodeError):
        decode_event(encode_block(event).data)


def test_an_event_with_more_parents_than_a_head_has_is_refused() -> None:
    parents = [encode_event([], number).cid for number in range(MAX_HEAD + 1)]
    assert len(decode_event(encode_event(parents[1:], 1).data).parents) == MAX_HEAD
    with pytest.raises(TooLarge):
        decode_event(encode_event(parents, 1).data)
