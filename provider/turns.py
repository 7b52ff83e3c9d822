"""Turns at what not all can do at once: they go to who has fewest, and who has most gives way.

Counted is by who pays: the spaces of one account share its turns, so that many spaces are no more than one.
Who has as many accounts as there are turns holds them all only while he is quick: to somebody who has none
the slowest gives way.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from time import monotonic

from provider.errors import BlobsUnavailable

SETTLED_S = 10.0
"""Before that it cannot be told whether somebody is slow."""


class Turn:
    """done_bytes: what was done in it. gives_way: it should end now, for others wait."""

    __slots__ = ("began_s", "done_bytes", "gives_way")

    def __init__(self, now_s: float) -> None:
        self.began_s = now_s
        self.done_bytes = 0
        self.gives_way = False

    def rate(self, now_s: float) -> float:
        return self.done_bytes / (now_s - self.began_s)


class Turns:
    """count: of all at once; count_of_one: of one payer. timeout_s: that somebody waits."""

    def __init__(
        self, count: int, count_of_one: int, timeout_s: float, *, now: Callable[[], float] = monotonic
    ) -> None:
        self._free = count
        self._count_of_one = count_of_one
        self._timeout_s = timeout_s
        self._now = now
        self._taken: defaultdict[bytes, list[Turn]] = defaultdict(list)
        self._waiting: defaultdict[bytes, deque[asyncio.Future[Turn]]] = defaultdict(deque)

    @asynccontextmanager
    async def turn(self, payer: bytes) -> AsyncGenerator[Turn]:
        """One turn. Raises BlobsUnavailable if none came in time."""
        turn = await self._wait(payer)
        try:
            yield turn
        finally:
            self._end(payer, turn)

    async def _wait(self, payer: bytes) -> Turn:
        wanted: asyncio.Future[Turn] = asyncio.get_running_loop().create_future()
        self._waiting[payer].append(wanted)
        self._give()
        if not wanted.done():
            self._make_room(payer)
        try:
            return await asyncio.wait_for(asyncio.shield(wanted), self._timeout_s)
        except (TimeoutError, asyncio.CancelledError) as error:
            if wanted.done():
                self._end(payer, wanted.result())
            else:
                wanted.cancel()
                self._forget(payer, wanted)
            if isinstance(error, TimeoutError):
                raise BlobsUnavailable("too many uploads at once") from error
            raise

    def _give(self) -> None:
        """Free turns to those who wait, first to who has fewest."""
        while self._free:
            payers = [payer for payer in self._waiting if self._count(payer) < self._count_of_one]
            if not payers:
                return
            payer = min(payers, key=self._count)
            wanted = self._waiting[payer][0]
            self._forget(payer, wanted)
            turn = Turn(self._now())
            self._free -= 1
            self._taken[payer].append(turn)
            wanted.set_result(turn)

    def _end(self, payer: bytes, turn: Turn) -> None:
        self._taken[payer].remove(turn)
        if not self._taken[payer]:
            del self._taken[payer]
        self._free += 1
        self._give()

    def _forget(self, payer: bytes, wanted: asyncio.Future[Turn]) -> None:
        self._waiting[payer].remove(wanted)
        if not self._waiting[payer]:
            del self._waiting[payer]

    def _count(self, payer: bytes) -> int:
        return len(self._taken.get(payer, ()))

    def _make_room(self, payer: bytes) -> None:
        """If all turns are taken, who has most of them gives up his latest for one who has fewer."""
        mine = self._count(payer)
        if self._free or mine >= self._count_of_one:
            return
        staying = {each: [it for it in its if not it.gives_way] for each, its in self._taken.items()}
        most = max(staying.values(), key=len)
        if len(most) > mine + 1:
            most[-1].gives_way = True
        elif mine == 0:
            now = self._now()
            settled = [it for its in staying.values() for it in its if now - it.began_s >= SETTLED_S]
            if settled:
                min(settled, key=lambda it: it.rate(now)).gives_way = True
