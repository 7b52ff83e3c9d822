"""Random histories of events, and the plain definitions that clocks are measured by."""

from __future__ import annotations

from hypothesis import strategies as st

from pail import CID
from pail.clock import encode_event
from tests.memory_store import MemoryStore

Parents = dict[CID, tuple[CID, ...]]

# For each event the indexes of earlier events it has seen, as steps back from it.
SHAPES = st.lists(st.lists(st.integers(1, 6), max_size=3), min_size=1, max_size=12)


def make_event(store: MemoryStore, parents, data) -> CID:
    block = encode_event(parents, data)
    store[block.cid] = block.data
    return block.cid


def make_graph(store: MemoryStore, shape: list[list[int]]) -> Parents:
    """As real histories are, with heads as parents: none is an ancestor of another."""
    graph: Parents = {}
    for number, steps in enumerate(shape):
        cids = list(graph)
        seen = {cids[number - step] for step in steps if step <= number}
        parents = sorted(maximal(graph, seen))
        graph[make_event(store, parents, number)] = tuple(parents)
    return graph


def make_chain(store: MemoryStore, length: int) -> list[CID]:
    chain: list[CID] = []
    for number in range(length):
        chain.append(make_event(store, chain[-1:], number))
    return chain


def closure(graph: Parents, cids) -> set[CID]:
    """The events and all their ancestors."""
    seen: set[CID] = set()
    stack = list(cids)
    while stack:
        cid = stack.pop()
        if cid not in seen:
            seen.add(cid)
            stack += graph[cid]
    return seen


def maximal(graph: Parents, cids) -> set[CID]:
    """Those of which no other is a descendant."""
    older = {cid for event in cids for cid in closure(graph, graph[event])}
    return set(cids) - older
