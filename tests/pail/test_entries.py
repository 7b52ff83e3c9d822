"""Listing against a sorted dict, and how little is read for it."""

from hypothesis import given, settings
from hypothesis import strategies as st

from pail.map import EMPTY, batch, delete, entries
from tests.memory_store import MemoryStore, forget, value

KEYS = st.text("abc", max_size=4)
BOUNDS = st.none() | KEYS
LIMITS = st.none() | st.integers(0, 5)


def build(store: MemoryStore, keys: list[str], deleted: list[str]):
    root = store.write(batch(EMPTY.cid, [(key, value(key)) for key in keys])).root
    for key in deleted:
        root = store.write(delete(root, key)).root
    forget()
    return root


@settings(max_examples=250)
@given(
    st.lists(KEYS, max_size=25),
    st.lists(KEYS, max_size=8),
    KEYS,
    BOUNDS,
    BOUNDS,
    BOUNDS,
    BOUNDS,
    st.booleans(),
    LIMITS,
)
def test_lists_the_keys_that_satisfy_every_bound_in_order(
    keys, deleted, prefix, gt, gte, lt, lte, reverse, limit
) -> None:
    store = MemoryStore()
    root = build(store, keys, deleted)
    wanted = [
        key
        for key in sorted(set(keys) - set(deleted), reverse=reverse)
        if key.startswith(prefix)
        and (gt is None or key > gt)
        and (gte is None or key >= gte)
        and (lt is None or key < lt)
        and (lte is None or key <= lte)
    ]
    bounds = {"prefix": prefix, "gt": gt, "gte": gte, "lt": lt, "lte": lte}
    found = store.run(entries(root, **bounds, reverse=reverse, limit=limit))
    assert found == [(key, value(key)) for key in wanted[:limit]]


ACCOUNTS = [f"{account}/{number:03}" for account in ("alice", "bob", "carol") for number in range(200)]


def test_reads_only_the_shards_that_can_hold_a_wanted_key() -> None:
    store = MemoryStore()
    root = build(store, ACCOUNTS, [])
    everything = store.count(entries(root))
    forget()
    one = store.count(entries(root, prefix="bob/"))
    assert one < everything / 2


def test_the_latest_of_many_is_found_along_one_path() -> None:
    store = MemoryStore()
    root = build(store, ACCOUNTS, [])
    assert store.count(entries(root, prefix="bob/", reverse=True, limit=1)) == len("bob/199")


def test_siblings_are_asked_for_together() -> None:
    store = MemoryStore()
    store.run(entries(build(store, ACCOUNTS, [])))
    assert store.asks < len(store.reads) / 2
    assert len(store.reads) == len(set(store.reads))
