"""What differs between two pails, reading only where they differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pail.cid import CID
from pail.draft import Diff, Draft
from pail.shard import MAX_ASK, Entry, Shard, load
from pail.walk import Walk


class Change(NamedTuple):
    """A key whose value differs; None where the key is absent."""

    key: str
    before: CID | None
    after: CID | None


class Difference(NamedTuple):
    """keys: ascending. additions, removals: the shards only the second or the first has, sorted."""

    keys: tuple[Change, ...]
    additions: tuple[CID, ...]
    removals: tuple[CID, ...]


class _Pair(NamedTuple):
    """The shards of both pails under one prefix, if they have one there, and not the same."""

    prefix: str
    a: CID | None
    b: CID | None


def diff(a: CID, b: CID) -> Walk[Difference]:
    """What must change in the pail `a` to make it `b`. Subtrees with one CID are not read."""
    before: dict[str, CID] = {}
    after: dict[str, CID] = {}
    seen_a: set[CID] = set()
    seen_b: set[CID] = set()
    stack = [_Pair("", a, b)] if a != b else []
    while stack:
        part = stack[-MAX_ASK:]
        del stack[-MAX_ASK:]
        shards_a = yield from _load_side([(pair.prefix, pair.a) for pair in part])
        shards_b = yield from _load_side([(pair.prefix, pair.b) for pair in part])
        for pair in part:
            shard_a, shard_b = shards_a.get(pair.prefix), shards_b.get(pair.prefix)
            before |= _values(shard_a)
            after |= _values(shard_b)
            stack += _pairs(pair.prefix, shard_a, shard_b)
        seen_a |= {pair.a for pair in part if pair.a is not None}
        seen_b |= {pair.b for pair in part if pair.b is not None}
    keys = sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
    changes = tuple(Change(key, before.get(key), after.get(key)) for key in keys)
    return Difference(changes, tuple(sorted(seen_b - seen_a)), tuple(sorted(seen_a - seen_b)))


def merge(base: CID, targets: Sequence[CID]) -> Walk[Diff]:
    """Apply to `base` what changed from it to each target, in turn: the later target wins."""
    draft = Draft(base)
    for target in targets:
        difference = yield from diff(base, target)
        for key, _, after in difference.keys:
            yield from draft.delete(key) if after is None else draft.put(key, after)
    return draft.commit()


def _load_side(wanted: list[tuple[str, CID | None]]) -> Walk[dict[str, Shard]]:
    shards = yield from load([(cid, prefix) for prefix, cid in wanted if cid is not None])
    return {shard.prefix: shard for shard in shards}


def _entries(shard: Shard | None) -> dict[str, Entry]:
    return dict(shard.entries) if shard else {}


def _values(shard: Shard | None) -> dict[str, CID]:
    if shard is None:
        return {}
    return {shard.prefix + e.key: e.value for e in shard.entries.values() if e.value is not None}


def _pairs(prefix: str, a: Shard | None, b: Shard | None) -> list[_Pair]:
    links_a = {char: entry.shard for char, entry in _entries(a).items() if entry.shard is not None}
    links_b = {char: entry.shard for char, entry in _entries(b).items() if entry.shard is not None}
    return [
        _Pair(prefix + char, links_a.get(char), links_b.get(char))
        for char in links_a.keys() | links_b.keys()
        if links_a.get(char) != links_b.get(char)
    ]
