"""The map: keys to CIDs, sharded into small blocks. Every operation is a walk from a root.

A write returns `Diff`: the new root, the shards to store and those no longer used. Nothing is
written here, and the old root stays as readable as it was.
"""

from __future__ import annotations

from collections.abc import Iterable

from pail.cid import CID
from pail.diff import Change, Difference, diff, merge
from pail.draft import Diff, Draft
from pail.entries import entries
from pail.shard import EMPTY, MAX_ASK, check_key, known, learn
from pail.walk import Walk

__all__ = [
    "EMPTY",
    "Change",
    "Diff",
    "Difference",
    "batch",
    "check_key",
    "delete",
    "diff",
    "empty",
    "entries",
    "get",
    "merge",
    "put",
    "shards",
]


def empty() -> Diff:
    """The pail without entries. Walks know its one shard without reading it."""
    return Diff(EMPTY.cid, (EMPTY,), ())


def put(root: CID, key: str, value: CID) -> Walk[Diff]:
    """Set `key` to `value`. No additions if it was so already. Raises InvalidKey."""
    return batch(root, [(key, value)])


def batch(root: CID, entries: Iterable[tuple[str, CID]]) -> Walk[Diff]:
    """Set every key in turn; the root is that of the same puts one by one. Raises InvalidKey."""
    draft = Draft(root)
    for key, value in entries:
        yield from draft.put(key, value)
    return draft.commit()


def delete(root: CID, key: str) -> Walk[Diff]:
    """Remove `key`. No removals if it was not there."""
    draft = Draft(root)
    yield from draft.delete(key)
    return draft.commit()


def get(root: CID, key: str) -> Walk[CID | None]:
    """The value of `key`, or None if the pail has no such key."""
    cid, value = root, None
    for depth, char in enumerate(key or [""]):
        shard = known(cid, key[:depth]) or learn(cid, key[:depth], (yield cid))
        entry = shard.entries.get(char)
        if entry is None:
            return None
        rest, link, value = entry
        if link is None:
            return value if rest == key[depth:] else None
        cid = link
    return value


def shards(root: CID) -> Walk[list[CID]]:
    """The CIDs of all shards of a pail, parents first. Each is read from the store, cached or
    not, so this also proves that the store has them all.
    """
    found: list[CID] = []
    stack = [(root, "")]
    while stack:
        part = stack[-MAX_ASK:]
        del stack[-MAX_ASK:]
        blocks = yield [cid for cid, _ in part]
        for (cid, prefix), data in zip(part, blocks, strict=True):
            found.append(cid)
            for entry in learn(cid, prefix, data).entries.values():
                if entry.shard is not None:
                    stack.append((entry.shard, prefix + entry.key))
    return found
