"""Walks over blocks that are not stored yet."""

import pytest

from pail import MissingBlock
from pail.map import EMPTY, batch, entries, get
from pail.overlay import with_blocks
from tests.memory_store import MemoryStore, forget, value

ENTRIES = [(f"{a}{b}{c}", value(a + b + c)) for a in "abc" for b in "abc" for c in "ab"]


@pytest.mark.parametrize("stored", range(14))
def test_asks_the_store_only_for_what_is_not_at_hand(stored: int) -> None:
    store = MemoryStore()
    diff = store.run(batch(EMPTY.cid, ENTRIES))
    assert len(diff.additions) == 13
    store |= dict(diff.additions[:stored])
    forget()
    listed = store.run(with_blocks(entries(diff.root), dict(diff.additions[stored:])))
    assert listed == ENTRIES
    assert set(store.reads) == {block.cid for block in diff.additions[:stored]}


def test_a_block_that_is_in_neither_is_missing() -> None:
    store = MemoryStore()
    diff = store.run(batch(EMPTY.cid, ENTRIES))
    forget()
    with pytest.raises(MissingBlock):
        store.run(with_blocks(get(diff.root, "aaa"), {diff.root: diff.additions[-1].data}))
