"""The guard (C6): what an event did is done again, and what a narrowed delegation forbids is found.

`prove` recomputes one event's root from the state of its parents. It is a walk over events and
pail shards; MissingBlock means that a shard did not come along and nothing was proved.

A narrowed delegation needs more, since whoever makes an event also chooses its parents. Made on
an old head, where a key is not there yet, a put is an addition by itself and a rewrite once
both are merged; and an event beside others changes the order in which *their* conflicts are
replayed (spec/clock.md, 5), and so keys that its maker may not touch. `stays_within` holds when
neither can happen: the event was made on the whole head, or else no key that its maker must not
rewrite is written in two ways by all that will be replayed, in whichever order.
"""

from __future__ import annotations

from clock_service.admission import Change
from clock_service.errors import (
    BadEvent,
    DeleteRefused,
    ElsewhereRefused,
    NotPermitted,
    RewriteRefused,
    WrongRoot,
)
from clock_service.policy import Caveats, writes
from pail import CID, DecodeError, Walk, crdt
from pail import map as pail_map
from pail.clock import advance
from pail.draft import Draft
from pail.event import Head
from pail.history import history
from pail.operation import Delete, Put, apply, decode_operation
from pail.overlay import with_blocks


def check_reach(event: CID, change: Change, caveats: Caveats) -> None:
    """What can be seen without the pail: raises DeleteRefused, ElsewhereRefused or NotPermitted."""
    for write in writes(change.operation):
        if isinstance(write, Delete) and not caveats.may_delete:
            raise DeleteRefused(event, write.key)
        if not caveats.covers(write.key):
            raise ElsewhereRefused(event, write.key)
        if isinstance(write, Put) and not caveats.may_put:
            raise NotPermitted(event, write.key)


def prove(event: CID, parents: Head, change: Change, caveats: Caveats) -> Walk[None]:
    """Do what `event` says on the state of its parents; return if that leads to its root.

    Raises WrongRoot; RewriteRefused for a key that exists and that `caveats` protect; MissingBlock
    for a pail shard (or an event) that cannot be had; BadEvent if the parents are those of no pail.
    """
    try:
        state = (yield from crdt.root(parents)) if parents else pail_map.empty()
        again = _do_again(event, state.root, change, caveats)
        root = yield from with_blocks(again, dict(state.additions))
    except DecodeError as error:
        raise BadEvent(event, f"its parents lead to no pail: {error}") from error
    if root != change.root:
        raise WrongRoot(event, change.root, root)


def _do_again(event: CID, root: CID, change: Change, caveats: Caveats) -> Walk[CID]:
    protected = [write for write in writes(change.operation) if not caveats.may_rewrite(write.key)]
    put: dict[str, CID] = {}
    for write in protected:
        if isinstance(write, Put):
            value = put.get(write.key) or (yield from pail_map.get(root, write.key))
            if value not in (None, write.value):
                raise RewriteRefused(event, write.key)
            put[write.key] = write.value
    draft = Draft(root)
    yield from apply(draft, change.operation)
    return draft.commit().root


def stays_within(head: Head, event: CID, parents: Head, caveats: Caveats) -> Walk[Head | None]:
    """The head after `event`, or None if that might change keys that `caveats` protect.

    Sound only for events that were proved, each on the head that the one before it left.
    """
    if parents == head:
        return (event,)
    after = yield from advance(head, event)
    if after == (event,):
        return None  # its parents are not quite the head: replaying them may end otherwise
    past = yield from history(after)
    written: dict[str, Put | Delete] = {}
    for replayed in past.events:
        for write in writes(decode_operation(replayed.data)[0]):
            if written.setdefault(write.key, write) != write and not caveats.may_rewrite(write.key):
                return None
    return after
