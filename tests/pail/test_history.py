"""The replay order against its plain definition, which walks every way."""

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pail import CID, TooLarge, history
from pail.clock import decode_event
from tests.event_graphs import SHAPES, Parents, closure, make_chain, make_event, make_graph, maximal
from tests.memory_store import MemoryStore, forget


def dominators(graph: Parents, head: set[CID]) -> set[CID]:
    """The events that every way from `head` to a beginning leads through."""

    def escapes(avoided: CID) -> bool:
        stack = [cid for cid in head if cid != avoided]
        while stack:
            cid = stack.pop()
            if not graph[cid]:
                return True
            stack += [parent for parent in graph[cid] if parent != avoided]
        return False

    return {cid for cid in closure(graph, head) if not escapes(cid)}


def ways(graph: Parents, cid: CID, ancestor: CID | None, length: int = 0):
    """The end and length of every way from `cid`, not as far as the ancestor."""
    if cid != ancestor:
        yield cid, length
        for parent in graph[cid]:
            yield from ways(graph, parent, ancestor, length + 1)


def plain_history(graph: Parents, head: set[CID]) -> tuple[CID | None, list[CID]]:
    nearest = maximal(graph, dominators(graph, head))
    ancestor = nearest.pop() if nearest else None
    weights: dict[CID, int] = {}
    for cid in head:
        for end, length in ways(graph, cid, ancestor):
            weights[end] = weights.get(end, 0) + length
    return ancestor, sorted(weights, key=lambda cid: (-weights[cid], str(cid)))


@settings(max_examples=300)
@given(SHAPES, st.randoms(use_true_random=False), st.booleans())
def test_is_what_walking_every_way_gives(shape, random, is_warm) -> None:
    store = MemoryStore()
    graph = make_graph(store, shape)
    for cid, parents in graph.items() if is_warm else ():
        history.learn_generation(cid, parents)
    head = maximal(graph, random.sample(sorted(graph), random.randint(1, len(graph))))
    ancestor, order = plain_history(graph, head)
    events = tuple(decode_event(store[cid]) for cid in order)
    assert store.run(history.history(tuple(sorted(head)))) == (ancestor, events)


@settings(max_examples=50)
@given(SHAPES, st.data())
def test_an_event_comes_after_its_parents(shape, data) -> None:
    store = MemoryStore()
    graph = make_graph(store, shape)
    head = tuple(sorted(maximal(graph, graph)))
    assume(len(head) > 1)
    events = store.run(history.history(head)).events
    places = {event.data: place for place, event in enumerate(events)}
    for event in events:
        parents = [decode_event(store[parent]).data for parent in event.parents]
        assert all(places.get(parent, -1) < places[event.data] for parent in parents)


@pytest.mark.parametrize("is_warm", [False, True])
def test_reads_what_lies_between_the_head_and_the_ancestor(is_warm: bool) -> None:
    store = MemoryStore()
    chain = make_chain(store, 2000)
    for cid in chain if is_warm else ():
        history.learn_generation(cid, decode_event(store[cid]).parents)
    other = make_event(store, [chain[-11]], "other")
    reads = store.count(history.history(tuple(sorted([chain[-1], other]))))
    assert reads <= (12 if is_warm else 50)


def test_stacked_diamonds_are_read_once_and_ordered() -> None:
    store = MemoryStore()
    first = tops = make_event(store, [], "first")
    left, right = (make_event(store, [first], side) for side in ("left", "right"))
    for number in range(40):  # crossed, so that only the first event is common: 2 ** 40 ways
        tops = [make_event(store, sorted([left, right]), f"{number} {side}") for side in ("left", "right")]
        left, right = tops
    reads = store.count(history.history(tuple(sorted(tops))))
    assert reads <= 83
    forget()
    found = store.run(history.history(tuple(sorted(tops))))
    assert (found.ancestor, len(found.events)) == (first, 82)


def test_a_history_past_its_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    store = MemoryStore()
    chains = [make_chain(store, 20), [make_event(store, [], "stranger")]]
    head = tuple(sorted(chain[-1] for chain in chains))
    monkeypatch.setattr(history, "MAX_REPLAY", 21)
    assert len(store.run(history.history(head)).events) == 21
    forget()
    monkeypatch.setattr(history, "MAX_REPLAY", 20)
    with pytest.raises(TooLarge):
        store.run(history.history(head))
