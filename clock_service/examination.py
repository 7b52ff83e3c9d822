"""The guard's walks, driven over what came along and what the clock keeps."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from time import monotonic

from clock_service import guard
from clock_service.admission import Findings, Gathered
from clock_service.errors import BadEvent, HeadMoved, MissingAncestors, ShardsWanted, TooMuch
from clock_service.policy import Caveats
from clock_service.store import Known, Store
from pail import CID, DecodeError, MissingBlock, TooLarge, run_async
from pail.event import Head

MAX_EFFORT = 1 << 13
"""Of one advance, some 60 microseconds each: a block, 256 bytes of an event (three or four keys),
4096 bytes of a pail shard. A merge of 8,000 small events passes, in some half a second of work.
"""

EVENT_BYTES, SHARD_BYTES = 256, 4096
"""Of one effort."""

BREATH_S = 0.005
"""Work of one examination after which other calls get their turn."""

MAX_REST_S = 1.0
"""A machine that slept, or a slow database, is no reason to rest longer."""

REST = 3
"""Times as long as it worked does an examination rest: two at a time take half the processor."""

MAX_QUICK = 256
"""New events up to which those on one parent need no turn."""

WHOLE = Caveats()


async def examine(store: Store, known: Known, offer: Gathered, caveats: Caveats) -> Findings:
    """What can be proved of the events of `offer` that are new to the clock.

    With narrow caveats all must be: raises NotPermitted by its kinds, ShardsWanted, HeadMoved.
    Always raises MissingAncestors, WrongRoot or BadEvent where that is found, and TooMuch past
    MAX_EFFORT: what is too much to be proved is not taken unproved.
    """
    based_on = known.clock.head if caveats.narrow else None
    if offer.event in known.kept:
        return Findings(based_on=based_on)
    if missing := sorted(offer.edge - known.kept):
        raise MissingAncestors(offer.event, missing)
    new = [cid for cid in offer.events if cid not in known.kept]
    reader = _Reader(store, known.clock.space, offer)
    if caveats.narrow:
        await _examine_narrow(known.clock.head, offer, new, caveats, reader)
        return Findings(frozenset(new), based_on)
    return Findings(frozenset([cid for cid in new if await _can_prove(cid, offer, reader)]))


def wants_replay(known: Known, offer: Gathered, caveats: Caveats) -> bool:
    """Whether `examine` may take long: new events that merge, that are narrowed, or that are many."""
    if offer.event in known.kept:
        return False
    new = [parents for cid, parents in offer.parents.items() if cid not in known.kept]
    return caveats.narrow or len(new) > MAX_QUICK or any(len(parents) > 1 for parents in new)


async def _can_prove(cid: CID, offer: Gathered, reader: _Reader) -> bool:
    if cid not in offer.changes:
        return False
    try:
        await run_async(guard.prove(cid, offer.parents[cid], offer.changes[cid], WHOLE), reader.read)
    except MissingBlock:
        return False
    except TooLarge as error:
        raise TooMuch(cid, f"too much would have to be replayed to prove it: {error}") from error
    return True


async def _examine_narrow(
    head: Head, offer: Gathered, new: Sequence[CID], caveats: Caveats, reader: _Reader
) -> None:
    """Each new event in turn, on the head that the one before it left."""
    for cid in new:
        if cid not in offer.changes:
            raise BadEvent(cid, "it holds no operation on a pail")
        guard.check_reach(cid, offer.changes[cid], caveats)
    for cid in new:
        parents = offer.parents[cid]
        try:
            await run_async(guard.prove(cid, parents, offer.changes[cid], caveats), reader.read)
            after = await run_async(guard.stays_within(head, cid, parents, caveats), reader.read)
        except MissingBlock as error:
            raise ShardsWanted(cid, error.cid) from error
        except DecodeError as error:
            raise BadEvent(cid, f"it stands beside events that are those of no pail: {error}") from error
        except TooLarge as error:
            raise TooMuch(cid, f"too much lies between it and the head: {error}") from error
        if after is None:
            raise HeadMoved(cid, head)
        head = after


class _Reader:
    """Answers walks from what came along, else from the clock's events; knows what that may cost."""

    def __init__(self, store: Store, space: str, offer: Gathered) -> None:
        self._store = store
        self._space = space
        self._events: dict[CID, bytes] = dict(offer.events)
        self._shards = offer.blocks
        self._effort = 0
        self._since_s = monotonic()

    async def read(self, cids: Sequence[CID]) -> list[bytes]:
        """Raises MissingBlock, or TooLarge past MAX_EFFORT of one advance."""
        await self._breathe()
        lacking = [cid for cid in cids if cid not in self._events and cid not in self._shards]
        if lacking:
            self._events |= await self._store.events(self._space, lacking)
        blocks = [self._spend(cid) for cid in cids]
        if self._effort > MAX_EFFORT:
            raise TooLarge(f"an effort of more than {MAX_EFFORT}")
        return blocks

    def _spend(self, cid: CID) -> bytes:
        event = self._events.get(cid)
        if event is not None:
            self._effort += 1 + len(event) // EVENT_BYTES
            return event
        if cid not in self._shards:
            raise MissingBlock(cid)
        self._effort += 1 + len(self._shards[cid]) // SHARD_BYTES
        return self._shards[cid]

    async def _breathe(self) -> None:
        """Other calls have their turn, and most of the time."""
        worked_s = monotonic() - self._since_s
        if worked_s >= BREATH_S:
            await asyncio.sleep(min(REST * worked_s, MAX_REST_S))
            self._since_s = monotonic()
