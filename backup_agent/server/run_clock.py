"""The clocks of a run: where there is a clock service it leads, and the place's own clock follows.

A service holds the server to its delegation, a folder does not. So an event is made on the service's
head, and the service must take it before the server's head object in the place names it.
"""

from __future__ import annotations

from collections.abc import Iterable

from backup_agent.server.errors import Wait
from backup_agent.server.permit import Permit
from clock_service.client import RemoteClock
from pail import CID
from pail.event import Head
from space import Clock, Space

UNREADABLE_WAIT_S = 300.0


class TurnClock:
    """A `space.Clock`: that of the place, written by one run of the server at a time."""

    def __init__(self, own: Clock, permit: Permit) -> None:
        self._own = own
        self._permit = permit

    def head(self) -> Head:
        return self._own.head()

    def advance(self, event: CID, blocks: Iterable[tuple[CID, bytes]] = ()) -> Head:
        """As the place's clock does. Raises Stopped and Wait besides."""
        with self._permit.turn():
            return self._own.advance(event, blocks)


class LedClock:
    """A `space.Clock`. leader: the service's. own: of the place, in which `space` lies."""

    def __init__(self, leader: RemoteClock, own: Clock, space: Space, permit: Permit) -> None:
        self._leader = leader
        self._own = own
        self._space = space
        self._permit = permit
        self._seen: Head = ()

    def head(self) -> Head:
        """The service's head. Raises RemoteClockError by its kinds, Wait if the space lacks events of it."""
        self._own.head()  # takes in what has come into the place
        look = self._leader.look()
        if look.unreadable and not self._space.place.is_near:
            self._space.refresh()  # at a provider no head object says that others have added shards
            look = self._leader.look()
        if look.unreadable:
            why = next(iter(look.unreadable.values()))
            text = f"the clock at {self._leader.url} names events that the space does not hold yet: {why}"
            raise Wait(text, UNREADABLE_WAIT_S)
        self._seen = look.head
        return look.head

    def advance(self, event: CID, blocks: Iterable[tuple[CID, bytes]] = ()) -> Head:
        """The service's head after `event`; then it is in the place, too. Raises as both do, and Stopped."""
        blocks = list(blocks)
        if event not in self._seen:
            self._permit()
            self._seen = self._leader.advance(event, blocks)
        self._own.advance(event, blocks)
        return self._seen
