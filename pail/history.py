"""The events since a common ancestor, in the order in which every replica replays them.

The common ancestor of a head is the nearest event that every way back from it leads through.
An event's weight is the sum, over every way from a head event down to it, of the way's length.
Heavier events are older and come first; equal ones by the text of their CIDs. An ancestor is
always heavier than what it precedes. There can be exponentially many ways, so they are never
walked: their number and total length are carried from each event to its parents.

Source: @web3-storage/pail 0.6.2, crdt; spec/clock.md
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from pail.ancestry import generation, learn_generation
from pail.cid import CID
from pail.errors import TooLarge
from pail.event import Event, Head, decode_event
from pail.walk import Walk

MAX_REPLAY = 1 << 15
"""Events between a head and its common ancestor, with those read to find it."""

MAX_ASK = 256
"""Events asked for at once."""


class History(NamedTuple):
    """ancestor: None when the events lead back to several beginnings, or one with no common event.
    events: what followed it, in replay order.
    """

    ancestor: CID | None
    events: tuple[Event, ...]


class _Region(NamedTuple):
    """The events above the common ancestor, children before parents."""

    ancestor: CID | None
    above: list[CID]


def history(head: Head) -> Walk[History]:
    """How `head`, which is not empty, came about. Raises TooLarge past MAX_REPLAY events."""
    events: dict[CID, Event] = {}
    frontier = set(head)
    is_rooted = False
    checked = 0
    while True:
        if not frontier or (len(frontier) == 1 and not is_rooted) or len(events) >= 2 * checked:
            region = _region(head, events)
            if region is not None:
                return History(region.ancestor, _replay_order(head, region, events))
            checked = len(events)
        asked = _youngest(frontier)
        if len(events) + len(asked) > MAX_REPLAY:
            raise TooLarge(f"more than {MAX_REPLAY} events to replay")
        for cid, data in zip(asked, (yield asked), strict=True):
            event = events[cid] = decode_event(data)
            learn_generation(cid, event.parents)
            is_rooted |= not event.parents
        frontier |= {parent for cid in asked for parent in events[cid].parents}
        frontier -= events.keys()


def _youngest(frontier: set[CID]) -> list[CID]:
    """The events whose children have all been read, where generations tell; else one step of all."""
    ages = {cid: generation(cid) for cid in frontier}
    known = [age for age in ages.values() if age is not None]
    if len(known) < len(ages):
        return sorted(frontier)[:MAX_ASK]
    return sorted(cid for cid, age in ages.items() if age == max(known))[:MAX_ASK]


def _region(head: Head, events: Mapping[CID, Event]) -> _Region | None:
    """The nearest event through which every way back leads, as far as the histories were read.

    Events are passed in an order in which children come before parents. Whenever a single one
    is left to pass, all ways lead through it. None: more must be read to find one.
    """
    waiting = _count_children(head, events)
    ready: list[CID | None] = [cid for cid in head if cid not in waiting]
    left: set[CID | None] = set(head)
    above: list[CID] = []
    while ready:
        cid = ready.pop()
        if len(left) == 1:
            return _Region(cid, above)
        if cid is None or cid not in events:
            continue
        above.append(cid)
        left.remove(cid)
        for parent in events[cid].parents or (None,):
            left.add(parent)
            waiting[parent] -= 1
            if not waiting[parent]:
                ready.append(parent)
    return None


def _count_children(head: Head, events: Mapping[CID, Event]) -> dict[CID | None, int]:
    """The children of each event reached from `head`; None stands for what precedes a first event."""
    counts: dict[CID | None, int] = {}
    stack: list[CID | None] = list(head)
    while stack:
        cid = stack.pop()
        if cid is None or cid not in events:
            continue
        for parent in events[cid].parents or (None,):
            if parent not in counts:
                counts[parent] = 0
                if parent not in head:
                    stack.append(parent)
            counts[parent] += 1
    return counts


def _replay_order(head: Head, region: _Region, events: Mapping[CID, Event]) -> tuple[Event, ...]:
    ways = dict.fromkeys(head, 1)
    weights = dict.fromkeys(head, 0)
    for cid in region.above:
        count = ways.pop(cid)
        for parent in events[cid].parents:
            ways[parent] = ways.get(parent, 0) + count
            weights[parent] = weights.get(parent, 0) + weights[cid] + count
    order = sorted(region.above, key=lambda cid: (-weights[cid], str(cid)))
    return tuple(events[cid] for cid in order)
