"""The map over a clock: a head is a state, and every update is an event.

Concurrent events add up to the union of what they did (C2): replayed on the state of their
common ancestor, in an order that only the events decide. Without a common ancestor that state
is the empty pail.

Source: @web3-storage/pail 0.6.2, crdt; spec/clock.md
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from pail import map as pail_map
from pail.cid import CID
from pail.dag_cbor import Block
from pail.draft import Diff, Draft
from pail.errors import NoHead
from pail.event import Head, decode_event, encode_event
from pail.history import history
from pail.operation import Batch, Delete, Operation, Put, apply, decode_operation, encode_operation
from pail.overlay import with_blocks
from pail.shard import EMPTY
from pail.walk import Walk

__all__ = ["Update", "batch", "delete", "entries", "get", "put", "root"]


class Update(NamedTuple):
    """head: what the clock shows once `event` is advanced to. event: None if nothing changed.

    additions: shards to store before the event (S1). They and the removals are counted from the
    state of the old head's common ancestor, so they include what replaying concurrent events made.
    """

    root: CID
    head: Head
    event: Block | None
    additions: tuple[Block, ...]
    removals: tuple[CID, ...]


def put(head: Head, key: str, value: CID) -> Walk[Update]:
    """Set `key`. No event if it has that value. Raises InvalidKey."""
    update = yield from _update(head, Put(key, value))
    # The original's first put names the empty shard it started from among both; so does this one.
    return update if head else update._replace(additions=(EMPTY, *update.additions))


def delete(head: Head, key: str) -> Walk[Update]:
    """Remove `key`. No event if it is absent."""
    return (yield from _update(head, Delete(key)))


def batch(head: Head, entries: Iterable[tuple[str, CID]]) -> Walk[Update]:
    """Set every key, as one event; an event even if nothing changes, as the original has it."""
    return (yield from _update(head, Batch(tuple(Put(*entry) for entry in entries))))


def root(head: Head) -> Walk[Diff]:
    """The pail of `head`, with the shards that replaying concurrent events added and removed.

    Raises NoHead for the empty head.
    """
    if not head:
        raise NoHead("a clock without events has no root")
    draft = yield from _state(head)
    return draft.commit()


def get(head: Head, key: str) -> Walk[CID | None]:
    """The value of `key`, or None if it is absent."""
    state = (yield from _state(head)).commit()
    return (yield from with_blocks(pail_map.get(state.root, key), dict(state.additions)))


def entries(
    head: Head,
    *,
    prefix: str = "",
    gt: str | None = None,
    gte: str | None = None,
    lt: str | None = None,
    lte: str | None = None,
    reverse: bool = False,
    limit: int | None = None,
) -> Walk[list[tuple[str, CID]]]:
    """The keys that satisfy every given bound, with their values, in order, `limit` at most."""
    state = (yield from _state(head)).commit()
    listing = pail_map.entries(
        state.root, prefix=prefix, gt=gt, gte=gte, lt=lt, lte=lte, reverse=reverse, limit=limit
    )
    return (yield from with_blocks(listing, dict(state.additions)))


def _update(head: Head, operation: Operation) -> Walk[Update]:
    draft = yield from _state(head)
    changes = yield from apply(draft, operation)
    state = draft.commit()
    if not changes and not isinstance(operation, Batch):
        return Update(state.root, head, None, (), ())
    event = encode_event(head, encode_operation(operation, state.root))
    return Update(state.root, (event.cid,), event, state.additions, state.removals)


def _state(head: Head) -> Walk[Draft]:
    """The pail of `head`: that of the common ancestor, and what happened since."""
    if not head:
        return Draft(EMPTY.cid)
    past = yield from history(head)
    draft = Draft(EMPTY.cid)
    if past.ancestor is not None:
        event = decode_event((yield past.ancestor))
        draft = Draft(decode_operation(event.data)[1])
    for event in past.events:
        yield from apply(draft, decode_operation(event.data)[0])
    return draft
