"""Dropping keys from a pail: one event for each, and the one pail that they lead to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pail import CID, Block, Walk, crdt
from pail import map as pail_map
from pail.event import Head, encode_event
from pail.operation import Delete, encode_operation
from pail.overlay import with_blocks

MAX_DROPPED = 1 << 14
"""Keys dropped at once."""


class Drop(NamedTuple):
    """The last event, which follows all others; every event, and the shards of its pail that are new."""

    event: CID
    blocks: tuple[Block, ...]


def drop(head: Head, keys: Sequence[str]) -> Walk[Drop]:
    """Remove `keys`, at least one and each of them there, from the pail of `head`.

    An event in between names a pail whose shards are not among the blocks: nobody reads it, and it
    can be made again from the events.
    """
    assert 0 < len(keys) <= MAX_DROPPED
    state = yield from crdt.root(head)
    root, shards = state.root, dict(state.additions)
    events: list[Block] = []
    parents = head
    for key in keys:
        diff = yield from with_blocks(pail_map.delete(root, key), shards)
        assert diff.root != root, "the key was there"
        shards.update(diff.additions)
        for cid in diff.removals:
            shards.pop(cid, None)
        root = diff.root
        event = encode_event(parents, encode_operation(Delete(key), root))
        events.append(event)
        parents = (event.cid,)
    return Drop(events[-1].cid, (*(Block(*shard) for shard in shards.items()), *events))
