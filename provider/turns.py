"""Turns at what not all can do at once: they go to who has fewest, and who has most gives way.

Counted is by who pays: the spaces of one account share its turns, so that many spaces are no more than one.
Among them it is by space again, since an account may have added a space that is another's. Who has as many
accounts as there are turns holds them all only while he is quick: to somebody who has none the slowest gives
way.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager
from itertools import chain
from time import monotonic
from typing import NamedTuple

from provider.errors import BlobsUnavailable

SETTLED_S = 10.0
"""Before that it cannot be told whether somebody is slow."""


class Turn:
    """Of one space. done_bytes: what was done in it. gives_way: it should end now, for others wait."""

    __slots__ = ("began_s", "done_bytes", "gives_way", "owner")

    def __init__(self, owner: bytes, now_s: float) -> None:
        self.owner = owner
        self.began_s = now_s
        self.done_bytes = 0
        self.gives_way = False

    def rate(self, now_s: float) -> float:
        return self.done_bytes / (now_s - self.began_s)


class _Wanted(NamedTuple):
    owner: bytes
    turn: asyncio.Future[Turn]


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
        self._waiting: defaultdict[bytes, list[_Wanted]] = defaultdict(list)

    @asynccontextmanager
    async def turn(self, payer: bytes, owner: bytes) -> AsyncGenerator[Turn]:
        """One turn, for the space `owner`. Raises BlobsUnavailable if none came in time."""
        turn = await self._wait(payer, owner)
        try:
            yield turn
        finally:
            self._end(payer, turn)

    async def _wait(self, payer: bytes, owner: bytes) -> Turn:
        wanted = _Wanted(owner, asyncio.get_running_loop().create_future())
        self._waiting[payer].append(wanted)
        self._give()
        if not wanted.turn.done():
            self._make_room(payer, owner)
        try:
            return await asyncio.wait_for(asyncio.shield(wanted.turn), self._timeout_s)
        except (TimeoutError, asyncio.CancelledError) as error:
            if wanted.turn.done():
                self._end(payer, wanted.turn.result())
            else:
                wanted.turn.cancel()
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
            of_space = Counter(turn.owner for turn in self._taken.get(payer, ()))
            wanted = min(self._waiting[payer], key=lambda each: of_space[each.owner])
            self._forget(payer, wanted)
            turn = Turn(wanted.owner, self._now())
            self._free -= 1
            self._taken[payer].append(turn)
            wanted.turn.set_result(turn)

    def _end(self, payer: bytes, turn: Turn) -> None:
        self._taken[payer].remove(turn)
        if not self._taken[payer]:
            del self._taken[payer]
        self._free += 1
        self._give()

    def _forget(self, payer: bytes, wanted: _Wanted) -> None:
        self._waiting[payer].remove(wanted)
        if not self._waiting[payer]:
            del self._waiting[payer]

    def _count(self, payer: bytes) -> int:
        return len(self._taken.get(payer, ()))

    def _make_room(self, payer: bytes, owner: bytes) -> None:
        """If who waits can have no turn: among his own if he has his share, else among all that are taken."""
        mine = self._taken.get(payer, [])
        if len(mine) >= self._count_of_one:
            self._give_way(mine, owner, lambda turn: turn.owner)
        elif not self._free:
            payer_of = {id(turn): each for each, turns in self._taken.items() for turn in turns}
            self._give_way([*chain(*self._taken.values())], payer, lambda turn: payer_of[id(turn)])

    def _give_way(self, turns: Iterable[Turn], name: bytes, name_of: Callable[[Turn], bytes]) -> None:
        """Who has most gives up his latest for `name`, who has fewer; or the slowest his, if it has none."""
        staying: defaultdict[bytes, list[Turn]] = defaultdict(list)
        for turn in turns:
            if not turn.gives_way:
                staying[name_of(turn)].append(turn)
        mine, now = len(staying[name]), self._now()
        most = max(staying.values(), key=len)
        settled = [turn for turn in chain(*staying.values()) if now - turn.began_s >= SETTLED_S]
        if len(most) > mine + 1:
            most[-1].gives_way = True
        elif mine == 0 and settled:
            min(settled, key=lambda turn: turn.rate(now)).gives_way = True
