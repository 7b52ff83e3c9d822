"""The map against a dict, under random changes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pail import InvalidKey
from pail.draft import Draft
from pail.map import EMPTY, batch, delete, empty, get, put, shards
from tests.memory_store import MemoryStore, value

# Few letters, so that keys are often prefixes of one another; and the edges of the alphabet.
KEYS = st.text("ab/", max_size=6) | st.text(" ~a", max_size=3) | st.text("ab", min_size=30, max_size=40)
VALUES = st.sampled_from([value(text) for text in "xyz"])
MAPS = st.dictionaries(KEYS, VALUES, max_size=25)
STEPS = st.lists(st.tuples(KEYS, VALUES | st.none()) | MAPS, max_size=30)


@settings(max_examples=150)
@given(STEPS)
def test_holds_what_a_dict_holds_after_any_steps(steps: list) -> None:
    store, root, model = MemoryStore(), EMPTY.cid, {}
    for step in steps:
        if isinstance(step, dict):
            root = store.write(batch(root, step.items())).root
            model |= step
        elif step[1] is None:
            root = store.write(delete(root, step[0])).root
            model.pop(step[0], None)
        else:
            root = store.write(put(root, *step)).root
            model[step[0]] = step[1]
    assert store.listed(root) == model
    assert all(store.run(get(root, key)) == model[key] for key in model)


@settings(max_examples=60)
@given(STEPS)
def test_additions_and_removals_make_exactly_the_new_tree(steps: list) -> None:
    store, root, tree = MemoryStore(), EMPTY.cid, {EMPTY.cid}
    for step in steps:
        changes = step.items() if isinstance(step, dict) else [step]
        for key, cid in changes:
            diff = store.write(delete(root, key) if cid is None else put(root, key, cid))
            root = diff.root
            added = {block.cid for block in diff.additions}
            assert added.isdisjoint(tree)
            assert tree.issuperset(diff.removals)
            tree = tree - set(diff.removals) | added
    store[EMPTY.cid] = EMPTY.data
    assert set(store.run(shards(root))) == tree


@given(MAPS, st.randoms(use_true_random=False))
def test_the_root_of_puts_does_not_depend_on_their_order(entries: dict, random) -> None:
    store, shuffled, root = MemoryStore(), list(entries.items()), EMPTY.cid
    random.shuffle(shuffled)
    for key, cid in shuffled:
        root = store.write(put(root, key, cid)).root
    assert root == store.write(batch(EMPTY.cid, entries.items())).root


@given(MAPS)
def test_deleting_everything_leads_back_to_the_empty_root(entries: dict) -> None:
    store = MemoryStore()
    root = store.write(batch(EMPTY.cid, entries.items())).root
    for key in entries:
        root = store.write(delete(root, key)).root
    assert root == EMPTY.cid


@given(MAPS, KEYS)
def test_an_absent_key_has_no_value_and_deleting_it_changes_nothing(entries: dict, key: str) -> None:
    store = MemoryStore()
    entries.pop(key, None)
    root = store.write(batch(EMPTY.cid, entries.items())).root
    assert store.run(get(root, key)) is None
    assert store.run(delete(root, key)) == (root, (), ())


def test_deleting_a_longer_key_keeps_its_prefix() -> None:
    """The original drops `a` here."""
    store = MemoryStore()
    root = store.write(batch(EMPTY.cid, [("a", value("x")), ("ab", value("y"))])).root
    assert store.listed(store.write(delete(root, "ab")).root) == {"a": value("x")}


def test_putting_an_equal_value_adds_nothing() -> None:
    store = MemoryStore()
    root = store.write(put(EMPTY.cid, "a", value("x"))).root
    assert store.run(put(root, "a", value("x"))) == (root, (), ())


def test_a_shard_known_to_an_earlier_walk_is_not_asked_for_again() -> None:
    store = MemoryStore()
    root = store.write(put(EMPTY.cid, "a", value("x"))).root
    store.listed(root)
    assert store.count(get(root, "a")) == 0


def test_every_shard_is_read_from_the_store_even_if_known() -> None:
    store = MemoryStore()
    root = store.write(batch(EMPTY.cid, [("aa", value("x")), ("ab", value("y"))])).root
    store.listed(root)
    assert store.count(shards(root)) == 2


def test_a_draft_goes_on_from_what_it_committed() -> None:
    store, draft = MemoryStore(), Draft(EMPTY.cid)
    for text in "xyx":
        store.run(draft.put("a", value(text)))
        store.run(draft.put(text + "b", value(text)))
        diff = draft.commit()
        store |= dict(diff.additions)
        assert store.listed(diff.root)["a"] == value(text)
    assert store.listed(diff.root) == {"a": value("x"), "xb": value("x"), "yb": value("y")}


def test_the_empty_pail_is_known_without_a_store() -> None:
    assert MemoryStore().run(get(empty().root, "a")) is None


@pytest.mark.parametrize("key", ["a" * 4097, "café", "a\nb", "a\x7f", "\x00", "\ud800", "😀"])
def test_refuses_a_key_that_is_not_printable_ascii_of_at_most_4096_bytes(key: str) -> None:
    with pytest.raises(InvalidKey):
        MemoryStore().run(put(EMPTY.cid, key, value("x")))


@pytest.mark.parametrize("key", ["", "a" * 4096, " ~"])
def test_takes_keys_up_to_the_limit(key: str) -> None:
    store = MemoryStore()
    assert store.listed(store.write(put(EMPTY.cid, key, value("x"))).root) == {key: value("x")}


def test_keys_as_deep_as_the_limit() -> None:
    store, keys = MemoryStore(), ["a" * 4096, "a" * 4095 + "b", "a" * 4095]
    root = store.write(batch(EMPTY.cid, [(key, value(key)) for key in keys])).root
    assert len(store.run(shards(root))) == 4096
    root = store.write(delete(root, keys[0])).root
    assert list(store.listed(root)) == [keys[2], keys[1]]
