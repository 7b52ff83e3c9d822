"""Whether a clock takes an event, and the head it then has: pure, decided in two steps.

`gather` looks at what came along: it follows parents from the event through the blocks given,
to the edge where the clock itself must know them. `settle` is the other half, run inside the
store's transaction with the clock's row before it and the answer to one question: which of
these events are kept?

One invariant makes that enough, and an advance as cheap after a hundred thousand events as
after a hundred (C5): **a clock keeps exactly the events of its head and their ancestors**.
Events are only ever stored together with the head that reaches them. Therefore
- an event that is kept changes nothing: its being there is the proof that the head holds it;
- all ancestors are there if those at the edge are (C3): theirs came with them;
- what the event supersedes in the head is among the events gathered and their edge. For a head
  event that were a deeper ancestor would be one of an edge event that is kept, thus of the head.
No history is walked, however far apart the event and the head are.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from clock_service.errors import (
    BadEvent,
    HeadMoved,
    MissingAncestors,
    NotProvisioned,
    OverLimit,
    ShardsWanted,
    TooMuch,
)
from clock_service.policy import Guard, Limits, Policy, Provision
from pail import CID, PailError, verify_block
from pail.event import MAX_HEAD, Head, decode_event
from pail.operation import Operation, decode_operation

MAX_EVENT_BYTES = 1 << 20
"""An event of a batch of a thousand long keys fits; backups have a few hundred bytes."""

MAX_EVENTS = 1 << 14
"""New events that come with one advance. A longer history is sent in parts, oldest first."""

EVENT_LINK = b"\x01\x71\x12\x20"
"""What the CID of an event starts with: version 1, DAG-CBOR, 32 bytes of SHA2-256."""

MAX_BLOCKS = 1 << 16
MAX_BLOCKS_BYTES = 32 << 20
"""Of all blocks that come with one advance."""


@dataclass(frozen=True, slots=True)
class Clock:
    """What is kept of one clock beside its events. limits, guard: None for the service's own.

    day: of UTC since 1970, on which `events_today` were taken.
    """

    space: str
    head: Head = ()
    is_registered: bool = False
    limits: Limits | None = None
    guard: Guard | None = None
    events: int = 0
    bytes: int = 0
    day: int = 0
    events_today: int = 0


class Change(NamedTuple):
    """What an event says was done to a pail, and the root it led to."""

    operation: Operation
    root: CID


@dataclass(frozen=True, slots=True)
class Gathered:
    """An event with its ancestors as far as they came along.

    events: their blocks, parents first; without `event` if even that did not come.
    parents: of each. changes: of those that are operations on a pail; other data is not kept.
    edge: parents that did not come along, or the event itself.
    blocks: everything else that came along, pail shards among it; not hashed yet.
    """

    event: CID
    events: Mapping[CID, bytes]
    parents: Mapping[CID, Head]
    changes: Mapping[CID, Change]
    edge: frozenset[CID]
    blocks: Mapping[CID, bytes]

    @property
    def named(self) -> frozenset[CID]:
        """All events whose being kept matters."""
        return self.edge | self.events.keys()


@dataclass(frozen=True, slots=True)
class Findings:
    """What the guard found of gathered events, before the transaction.

    proved: those whose root was recomputed. based_on: for a narrowed delegation the head on which
    all that is new was found within its caveats; None for one that is not narrowed.
    """

    proved: frozenset[CID] = frozenset()
    based_on: Head | None = None


def gather(event: CID, blocks: Mapping[CID, bytes]) -> Gathered:
    """`event` and its ancestors among `blocks`, each hashed and decoded (T1).

    Raises BadEvent, or TooMuch past MAX_EVENTS, MAX_BLOCKS and their bytes.
    """
    if len(event) != 36 or event[:4] != EVENT_LINK:
        raise BadEvent(event, "its CID is not that of an event")
    if len(blocks) > MAX_BLOCKS or sum(map(len, blocks.values())) > MAX_BLOCKS_BYTES:
        raise TooMuch(event, f"more than {MAX_BLOCKS} blocks or {MAX_BLOCKS_BYTES} bytes came with it")
    parents: dict[CID, Head] = {}
    changes: dict[CID, Change] = {}
    edge: set[CID] = set()
    order: list[CID] = []
    stack = [(event, False)]
    while stack:
        cid, is_ready = stack.pop()
        if is_ready:
            order.append(cid)
        elif cid not in blocks:
            edge.add(cid)
        elif cid not in parents:
            parents[cid], change = _decode(cid, blocks[cid])
            if change is not None:
                changes[cid] = change
            if len(parents) > MAX_EVENTS:
                raise TooMuch(event, f"more than {MAX_EVENTS} events came with it")
            stack.append((cid, True))
            stack += [(parent, False) for parent in parents[cid] if parent not in parents]
    events = {cid: blocks[cid] for cid in order}
    rest = {cid: data for cid, data in blocks.items() if cid not in parents}
    return Gathered(event, events, parents, changes, frozenset(edge), rest)


def _decode(cid: CID, data: bytes) -> tuple[Head, Change | None]:
    if len(data) > MAX_EVENT_BYTES:
        raise TooMuch(cid, f"it has {len(data)} bytes; the limit is {MAX_EVENT_BYTES}")
    try:
        verify_block(cid, data)
        event = decode_event(data)
    except PailError as error:
        raise BadEvent(cid, str(error)) from error
    try:
        return event.parents, Change(*decode_operation(event.data))
    except PailError:
        return event.parents, None


@dataclass(frozen=True, slots=True)
class Settled:
    """The clock after an advance, and the events to store with it; none if nothing changes."""

    clock: Clock
    new: tuple[CID, ...]


def settle(
    clock: Clock, kept: Collection[CID], offer: Gathered, findings: Findings, policy: Policy, day: int
) -> Settled:
    """`clock` after the event. kept: which of `offer.named` it keeps; clock, kept: of one moment.

    Raises NotProvisioned, MissingAncestors, what the guard of this clock demands, and OverLimit.
    """
    if policy.provision is Provision.REGISTERED and not clock.is_registered:
        raise NotProvisioned(clock.space)
    if offer.event in kept:
        return Settled(clock, ())
    if missing := sorted(offer.edge - set(kept)):
        raise MissingAncestors(offer.event, missing)
    new = tuple(cid for cid in offer.events if cid not in kept)
    _check_guard(clock, offer, new, findings, clock.guard or policy.guard)
    superseded = offer.named - {offer.event}
    head = tuple(sorted([*(cid for cid in clock.head if cid not in superseded), offer.event]))
    if len(head) > MAX_HEAD:
        raise TooMuch(offer.event, f"the head would have more than {MAX_HEAD} events")
    grown = _count(clock, len(new), sum(len(offer.events[cid]) for cid in new), day)
    _check_limits(grown, clock.limits or policy.limits)
    return Settled(replace(grown, head=head), new)


def _check_guard(
    clock: Clock, offer: Gathered, new: tuple[CID, ...], findings: Findings, guard: Guard
) -> None:
    is_narrow = findings.based_on is not None
    if is_narrow and findings.based_on != clock.head:
        raise HeadMoved(offer.event, clock.head)
    for cid in new:
        if cid not in offer.changes and (is_narrow or guard is not Guard.OFF):
            raise BadEvent(cid, "it holds no operation on a pail")
        if cid not in findings.proved and (is_narrow or guard is Guard.REQUIRE):
            raise ShardsWanted(cid, None)


def _count(clock: Clock, events: int, size: int, day: int) -> Clock:
    today = clock.events_today if clock.day == day else 0
    return replace(
        clock, events=clock.events + events, bytes=clock.bytes + size, day=day, events_today=today + events
    )


def _check_limits(clock: Clock, limits: Limits) -> None:
    if clock.events_today > limits.events_a_day:
        raise OverLimit(clock.space, "events a day", limits.events_a_day, clock.events_today)
    if clock.bytes > limits.bytes:
        raise OverLimit(clock.space, "bytes of events", limits.bytes, clock.bytes)
