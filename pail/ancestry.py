"""Who came before whom: the part of two histories that one has and the other has not.

Both histories are read backwards at once and painted. What gets both colours is shared, and so
is all behind it: it need not be read. A generation (an event's longest way back to a first
event) is no part of an event's bytes, so it is kept beside them once it is known. Where both
sides' are known the younger event is read first and nothing shared is read at all (C5); where
they are not, both sides go back in step. Either way the cost follows the distance, not the
length, of the histories.

Source: the paint-down walk of git's merge-base; spec/clock.md
"""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heappop, heappush

from pail.cache import Cache
from pail.cid import CID
from pail.errors import TooLarge
from pail.event import Event, Head, decode_event
from pail.walk import Walk

MAX_WALK = 1 << 17
"""Events read to answer one question."""

MINE, THEIRS, BOTH = 1, 2, 3

_UNKNOWN = 1 << 62
"""Sorts an event of unknown generation before all others: reading it may tell."""

_generations: Cache[CID, int] = Cache(1 << 16)


def generation(cid: CID) -> int | None:
    """The event's generation, 0 for a first event; None if it has not been learned."""
    return _generations.get(cid)


def learn_generation(cid: CID, parents: Head) -> None:
    """Note the generation of an event that was read, if those of its parents are known."""
    known = [_generations.get(parent) for parent in parents]
    if None not in known:
        _generations.put(cid, 1 + max((g for g in known if g is not None), default=-1))


class Painting:
    """The histories of two sets of events, read as far as was needed.

    events: what was read. colours: MINE, THEIRS or BOTH for each event that was reached.
    """

    __slots__ = ("_heaps", "_steps", "colours", "events")

    def __init__(self, mine: Iterable[CID], theirs: Iterable[CID]) -> None:
        self.events: dict[CID, Event] = {}
        self.colours: dict[CID, int] = {}
        self._heaps: dict[int, list[tuple[int, int, CID]]] = {MINE: [], THEIRS: []}
        self._steps = 0
        for cid in mine:
            self._paint(cid, MINE)
        for cid in theirs:
            self._paint(cid, THEIRS)

    def top(self, side: int) -> CID | None:
        """The next event that only `side` has reached and nobody has read."""
        heap = self._heaps[side]
        while heap and (heap[0][2] in self.events or self.colours[heap[0][2]] != side):
            heappop(heap)
        return heap[0][2] if heap else None

    def step(self) -> Walk[None]:
        """Read the next event of either side, or of both where neither is known to be younger."""
        tops = [cid for cid in (self.top(MINE), self.top(THEIRS)) if cid is not None]
        ages = [_generations.get(cid) for cid in tops]
        if len(tops) == 2 and ages[0] is not None and ages[1] is not None and ages[0] != ages[1]:
            tops = [tops[0] if ages[0] > ages[1] else tops[1]]
        if len(self.events) + len(tops) > MAX_WALK:
            raise TooLarge(f"more than {MAX_WALK} events lie between these")
        for cid, data in zip(tops, (yield tops), strict=True):
            self.add(cid, decode_event(data))

    def add(self, cid: CID, event: Event) -> None:
        """Take in an event that was read."""
        self.events[cid] = event
        learn_generation(cid, event.parents)
        for parent in event.parents:
            self._paint(parent, self.colours[cid])

    def learn(self) -> None:
        """Note what generations the events read tell; the last read are the oldest."""
        for cid, event in reversed(self.events.items()):
            if _generations.get(cid) is None:
                learn_generation(cid, event.parents)

    def _paint(self, cid: CID, colour: int) -> None:
        stack = [(cid, colour)]
        while stack:
            cid, colour = stack.pop()
            old = self.colours.get(cid, 0)
            new = old | colour
            if new == old:
                continue
            self.colours[cid] = new
            event = self.events.get(cid)
            if event is not None:
                stack += [(parent, new) for parent in event.parents]
            elif new != BOTH:
                self._steps += 1
                age = _generations.get(cid)
                heappush(self._heaps[new], (-_UNKNOWN if age is None else -age, self._steps, cid))
