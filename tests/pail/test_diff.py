"""Differences and merges."""

from hypothesis import given, settings
from hypothesis import strategies as st

from pail.map import EMPTY, Change, batch, delete, diff, merge, shards
from tests.memory_store import MemoryStore, forget, value

KEYS = st.text("ab/", max_size=5)
MAPS = st.dictionaries(KEYS, st.sampled_from([value(text) for text in "xyz"]), max_size=20)
# What is put, and which of it is deleted again: different shards can then hold equal entries.
PAILS = st.tuples(MAPS, st.lists(KEYS, max_size=10))


def build(store: MemoryStore, pail: tuple) -> tuple:
    entries, deleted = pail
    root = store.write(batch(EMPTY.cid, entries.items())).root
    for key in deleted:
        root = store.write(delete(root, key)).root
    return root, {key: cid for key, cid in entries.items() if key not in deleted}


@settings(max_examples=150)
@given(PAILS, PAILS)
def test_names_every_key_that_differs_and_no_other(a: tuple, b: tuple) -> None:
    store = MemoryStore()
    (root_a, map_a), (root_b, map_b) = build(store, a), build(store, b)
    wanted = tuple(
        Change(key, map_a.get(key), map_b.get(key))
        for key in sorted(map_a.keys() | map_b.keys())
        if map_a.get(key) != map_b.get(key)
    )
    assert store.run(diff(root_a, root_b)).keys == wanted


@settings(max_examples=80)
@given(PAILS, PAILS)
def test_names_exactly_the_shards_that_one_tree_has_alone(a: tuple, b: tuple) -> None:
    store = MemoryStore()
    store[EMPTY.cid] = EMPTY.data
    root_a, root_b = build(store, a)[0], build(store, b)[0]
    tree_a, tree_b = set(store.run(shards(root_a))), set(store.run(shards(root_b)))
    found = store.run(diff(root_a, root_b))
    assert (set(found.additions), set(found.removals)) == (tree_b - tree_a, tree_a - tree_b)


@given(PAILS, PAILS, PAILS)
def test_a_merge_applies_what_each_target_changed_and_the_later_wins(base, a, b) -> None:
    store = MemoryStore()
    (root, model), (root_a, _), (root_b, _) = (build(store, pail) for pail in (base, a, b))
    for target in (root_a, root_b):
        for key, _, after in store.run(diff(root, target)).keys:
            model = {k: v for k, v in model.items() if k != key} | ({key: after} if after else {})
    assert store.listed(store.write(merge(root, [root_a, root_b])).root) == model


@given(PAILS, PAILS)
def test_merging_one_target_has_its_entries(base, target) -> None:
    store = MemoryStore()
    (root, _), (root_b, map_b) = build(store, base), build(store, target)
    assert store.listed(store.write(merge(root, [root_b])).root) == map_b


def test_equal_subtrees_are_not_read() -> None:
    store = MemoryStore()
    entries = [(f"{a}/{b}{c}", value("x")) for a in "abcdefgh" for b in "0123456789" for c in "01"]
    root = store.write(batch(EMPTY.cid, entries)).root
    other = store.write(batch(root, [("a/01", value("y"))])).root
    forget()
    assert store.count(diff(root, other)) == 2 * len(["", "a", "a/", "a/0"])
    assert store.count(diff(root, root)) == 0
