"""The guard's walks, driven over what came along and what the clock keeps."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from clock_service import guard
from clock_service.admission import Findings, Gathered
from clock_service.errors import BadEvent, HeadMoved, MissingAncestors, ShardsWanted, TooMuch
from clock_service.policy import Caveats
from clock_service.store import Known, Store
from pail import CID, DecodeError, MissingBlock, TooLarge, run_async
from pail.event import Head

MAX_GUARD_READS = 1 << 15
"""Blocks that are looked at for one advance."""

BREATH = 32
"""Reads after which other calls get their turn."""

WHOLE = Caveats()


async def examine(store: Store, known: Known, offer: Gathered, caveats: Caveats) -> Findings:
    """What can be proved of the events of `offer` that are new to the clock.

    With narrow caveats all must be: raises NotPermitted by its kinds, ShardsWanted, HeadMoved,
    TooMuch. Always raises MissingAncestors, and WrongRoot or BadEvent where that is found.
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
    """Whether `examine` may replay history, which takes long: new events that merge, or are narrowed."""
    if offer.event in known.kept:
        return False
    return caveats.narrow or any(
        len(parents) > 1 for cid, parents in offer.parents.items() if cid not in known.kept
    )


async def _can_prove(cid: CID, offer: Gathered, reader: _Reader) -> bool:
    if cid not in offer.changes:
        return False
    try:
        await run_async(guard.prove(cid, offer.parents[cid], offer.changes[cid], WHOLE), reader.read)
    except (MissingBlock, TooLarge):
        return False
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
    """Answers walks from what came along, else from the clock's events."""

    def __init__(self, store: Store, space: str, offer: Gathered) -> None:
        self._store = store
        self._space = space
        self._blocks = {**offer.blocks, **offer.events}
        self._reads = 0

    async def read(self, cids: Sequence[CID]) -> list[bytes]:
        """Raises MissingBlock, or TooLarge past MAX_GUARD_READS of one advance."""
        before, self._reads = self._reads, self._reads + len(cids)
        if self._reads > MAX_GUARD_READS:
            raise TooLarge(f"more than {MAX_GUARD_READS} blocks to look at")
        if before // BREATH != self._reads // BREATH:
            await asyncio.sleep(0)
        lacking = [cid for cid in cids if cid not in self._blocks]
        if lacking:
            self._blocks |= await self._store.events(self._space, lacking)
        for cid in lacking:
            if cid not in self._blocks:
                raise MissingBlock(cid)
        return [self._blocks[cid] for cid in cids]
