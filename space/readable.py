"""Whether all that an event's state needs is here (C3): its ancestors, and every shard of its pail.

The pails of its ancestors are not asked for: where one is needed again it can be made from the
events (`space.remake`). A folder that is being synced shows an agent's head before the blocks it
names, and part of these before others. What was once found whole is remembered, so the cost
follows what is new.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from pail import CID, TooLarge
from pail.event import decode_event
from pail.shard import EMPTY, decode_shard
from space.space import Space

MAX_NEW_BLOCKS = 1 << 20
"""Events and pail shards that one look may meet for the first time."""

BATCH = 256


class Need(NamedTuple):
    """A block that must be here. prefix: what a pail shard's keys start with; None for an event.

    is_past: of an event, that only its ancestors must be here, and not its pail.
    """

    cid: CID
    prefix: str | None = None
    is_past: bool = False

    @property
    def note(self) -> CID:
        """Under which it is remembered: an event whose pail was not asked for has a name of its own."""
        return CID(self.cid + b"past") if self.is_past else self.cid


def prove_readable(space: Space, event: CID) -> None:
    """Return if `event` and all it needs is here, and remember it.

    Raises MissingBlock or CorruptBlock for the first block that is not, DecodeError if one is
    not what its place demands, TooLarge past MAX_NEW_BLOCKS.
    """
    seen: set[CID] = set()
    frontier = [Need(event)]
    while frontier:
        batch = {need.note: need for need in frontier[-BATCH:] if need.note not in seen}
        del frontier[-BATCH:]
        known = space.index.readable([*batch, *(need.cid for need in batch.values())])
        needs = [need for need in batch.values() if known.isdisjoint((need.note, need.cid))]
        seen.update(need.note for need in needs)
        if len(seen) > MAX_NEW_BLOCKS:
            raise TooLarge(f"more than {MAX_NEW_BLOCKS} new blocks below {event}")
        blocks = space.get_here([need.cid for need in needs])
        for need, data in zip(needs, blocks, strict=True):
            frontier += _needs_of(need, data)
    space.index.add_readable(seen)


def _needs_of(need: Need, data: bytes) -> Iterator[Need]:
    if need.prefix is None:
        event = decode_event(data)
        yield from (Need(parent, is_past=True) for parent in event.parents)
        match event.data:
            case {"root": CID() as root} if root != EMPTY.cid and not need.is_past:
                yield Need(root, "")  # every reader knows the empty pail
            case _:
                pass
        return
    for char, entry in decode_shard(data).entries.items():
        if entry.shard is not None:
            yield Need(entry.shard, need.prefix + char)
