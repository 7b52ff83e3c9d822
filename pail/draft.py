"""A pail being changed: any number of puts and deletes, then one set of new shards.

With puts alone the shards are a function of the entries. A delete keeps the shards of the keys
that stay as they are, as the original does: only a shard that it leaves empty goes, and its
parents with it while they hold nothing else. Where such a parent entry also has a value the
original drops it; here it stays, as a plain entry.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from pail.cid import CID
from pail.dag_cbor import Block
from pail.shard import Entry, Shard, check_key, encode_shard, known, learn, remember
from pail.walk import Walk

_PENDING = CID(b"")
"""Stands for the CID of a shard that has none before `commit`; never asked for."""


class Diff(NamedTuple):
    """A new root, the shards it adds to the old tree (children first) and those it no longer has."""

    root: CID
    additions: tuple[Block, ...]
    removals: tuple[CID, ...]


class Draft:
    """The pail at `root` with changes; nothing is encoded before `commit`."""

    __slots__ = ("_base", "_changed", "_open", "_root")

    def __init__(self, root: CID) -> None:
        self._root = root
        self._base: dict[str, CID] = {}  # what was opened, by prefix
        self._open: dict[str, Mapping[str, Entry]] = {}  # what it holds now, by prefix and character
        self._changed: dict[str, dict[str, Entry]] = {}  # the part of _open that is this draft's own

    def put(self, key: str, value: CID) -> Walk[bool]:
        """Set `key`; False if it had that value already. Raises InvalidKey."""
        check_key(key)
        depth, old = yield from self._descend(key)
        rest = key[depth:]
        if old is None:
            new = Entry(rest, None, value)
        elif old.key != rest:
            new = self._split(key[:depth], old, rest, value)
        elif old.value != value:
            new = Entry(rest, old.shard, value)
        else:
            return False
        self._own(key[:depth])[rest[:1]] = new
        return True

    def delete(self, key: str) -> Walk[bool]:
        """Remove `key`; False if it was not there."""
        depth, old = yield from self._descend(key)
        rest = key[depth:]
        if old is None or old.key != rest or old.value is None:
            return False
        entries = self._own(key[:depth])
        if old.shard is not None:
            entries[rest[:1]] = Entry(rest, old.shard, None)
        else:
            del entries[rest[:1]]
            self._close_empty(key, depth)
        return True

    def commit(self) -> Diff:
        """Encode what changed; from then on this is a draft of the new pail.

        The difference is exact: no shard is both added and removed.
        """
        additions: list[Block] = []
        removals = [cid for prefix, cid in self._base.items() if prefix not in self._open]
        for prefix in sorted(self._ancestry(), reverse=True):  # longer ones, the children, first
            entries = self._changed[prefix]
            shard = Shard(prefix, dict(sorted(entries.items())) if len(entries) > 1 else entries)
            block = encode_shard(shard)
            if prefix:
                parent, char = self._own(prefix[:-1]), prefix[-1]
                parent[char] = Entry(char, block.cid, parent[char].value)
            else:
                self._root = block.cid
            base = self._base.get(prefix)
            if block.cid != base:
                additions.append(block)
                remember(block, shard)
                if base is not None:
                    removals.append(base)
        self._base, self._open, self._changed = {}, {}, {}  # the cache may hold them now
        return Diff(self._root, tuple(additions), tuple(removals))

    def _own(self, prefix: str) -> dict[str, Entry]:
        """The entries of an open shard, to be changed; until then they are those of the cache."""
        entries = self._changed.get(prefix)
        if entries is None:
            entries = self._open[prefix] = self._changed[prefix] = dict(self._open[prefix])
        return entries

    def _descend(self, key: str) -> Walk[tuple[int, Entry | None]]:
        """Open the shards on the way to `key`: the depth of the one it belongs in, and the entry there."""
        cid, last = self._root, len(key) - 1
        for depth, char in enumerate(key or [""]):
            prefix = key[:depth]
            entries = self._open.get(prefix)
            if entries is None:
                shard = known(cid, prefix) or learn(cid, prefix, (yield cid))
                entries = self._open[prefix] = shard.entries
                self._base[prefix] = cid
            entry = entries.get(char)
            if entry is None or entry.shard is None or depth == last:
                return depth, entry
            cid = entry.shard
        raise AssertionError("the last character ends the way")

    def _split(self, prefix: str, old: Entry, rest: str, value: CID) -> Entry:
        """The entry, and below it the new shards, of two keys that share their first characters."""
        assert old.value is not None
        both = {old.key: old.value, rest: value}
        shared = _count_shared(old.key, rest)
        ends_here = both.get(rest[:shared])
        for depth in range(1, shared):
            below = ends_here if depth + 1 == shared else None
            self._add(prefix + rest[:depth], {rest[depth]: Entry(rest[depth], _PENDING, below)})
        longer = [(key, cid) for key, cid in both.items() if len(key) > shared]
        self._add(prefix + rest[:shared], {k[shared]: Entry(k[shared:], None, cid) for k, cid in longer})
        return Entry(rest[0], _PENDING, ends_here if shared == 1 else None)

    def _add(self, prefix: str, entries: dict[str, Entry]) -> None:
        self._open[prefix] = self._changed[prefix] = entries

    def _close_empty(self, key: str, depth: int) -> None:
        """Drop the shards of `key` that are empty, from `depth` upwards."""
        while depth and not self._open[key[:depth]]:
            del self._open[key[:depth]], self._changed[key[:depth]]
            depth -= 1
            entries, char = self._own(key[:depth]), key[depth]
            value = entries[char].value
            if value is None:
                del entries[char]
            else:
                entries[char] = Entry(char, None, value)

    def _ancestry(self) -> set[str]:
        """The prefixes of all shards that changed or have one below them that did."""
        prefixes: set[str] = set()
        for prefix in self._changed:
            while prefix not in prefixes:
                prefixes.add(prefix)
                prefix = prefix[:-1]
        return prefixes


def _count_shared(a: str, b: str) -> int:
    count = 0
    for x, y in zip(a, b, strict=False):
        if x != y:
            break
        count += 1
    return count
