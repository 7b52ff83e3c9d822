"""Several clocks of one space at once: all are advanced, and the union is read.

The own clock lies with the blocks and must take an event; each of the others is tried, and what
it missed is caught up by `sync`. Heads merge in any order (C1), so none of the clocks leads.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from clock_service.client import Look
from clock_service.errors import RemoteClockError, TooFewClocks
from pail import CID, PailError, Reader, run
from pail.clock import advance
from pail.event import Head
from space import Clock, CorruptBlock


class Elsewhere(Clock, Protocol):
    """A clock that may be out of reach, and may name events that are not here."""

    def look(self) -> Look: ...


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong with one of several clocks. is_behind: it lacks events that others have."""

    why: str
    is_behind: bool


class SeveralClocks:
    """A `space.Clock`. others: by name. at_least: how many clocks must take an event, the own included.

    troubles: by name, of the clocks that failed the last time they were asked.
    """

    def __init__(
        self, own: Clock, others: Mapping[str, Elsewhere], read: Reader, *, at_least: int = 1
    ) -> None:
        self._own = own
        self._others = others
        self._read = read
        self._at_least = at_least
        self.troubles: dict[str, Trouble] = {}

    def head(self) -> Head:
        """The union of all heads that can be had and read here. Raises what the own clock raises."""
        head = self._own.head()
        for name, other in self._others.items():
            look = self._look(name, other)
            for event in look.head:
                head = run(advance(head, event), self._read)
        return head

    def advance(self, event: CID, blocks: Iterable[tuple[CID, bytes]] = ()) -> Head:
        """The head of the own clock after `event`, which all the others were told of too.

        Raises what the own clock raises, before any other was asked; TooFewClocks if not enough of
        them took it.
        """
        blocks = list(blocks)
        head = self._own.advance(event, blocks)
        for name, other in self._others.items():
            self._tell(name, other, event, blocks)
        took = 1 + sum(not trouble.is_behind for trouble in self._trouble_of_each())
        if took < self._at_least:
            failures = {name: trouble.why for name, trouble in self.troubles.items()}
            raise TooFewClocks(event, took, self._at_least, failures)
        return head

    def sync(self) -> Head:
        """Advance every clock with every event that any of them has, as far as it can be read here.

        The head of the own clock after that. Raises what the own clock raises; `troubles` says the rest.
        """
        self._own.head()  # takes in what has come into the folder
        for name, other in self._others.items():
            for event in self._look(name, other).head:
                self._own.advance(event)
        head = self._own.head()
        for name, other in self._others.items():
            if name in self.troubles and self.troubles[name].is_behind:
                continue  # it did not answer a moment ago
            for event in head:
                self._tell(name, other, event, ())
        return head

    def _look(self, name: str, other: Elsewhere) -> Look:
        self.troubles.pop(name, None)
        try:
            look = other.look()
        except RemoteClockError as error:
            self.troubles[name] = Trouble(str(error), True)
            return Look((), {})
        if look.unreadable:
            why = next(iter(look.unreadable.values()))
            self.troubles[name] = Trouble(
                f"the clock at {name} names events that cannot be read here: {why}", False
            )
        return look

    def _tell(self, name: str, other: Elsewhere, event: CID, blocks: Iterable[tuple[CID, bytes]]) -> None:
        try:
            other.advance(event, blocks)
        except (RemoteClockError, PailError, CorruptBlock) as error:
            self.troubles[name] = Trouble(str(error), True)
        else:
            if name in self.troubles and self.troubles[name].is_behind:
                del self.troubles[name]

    def _trouble_of_each(self) -> list[Trouble]:
        return [self.troubles.get(name, Trouble("", False)) for name in self._others]
