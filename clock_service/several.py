"""Several clocks of one space at once: all are advanced, and the union is read.

The own clock lies with the blocks and must take an event; each of the others is tried, and what
it missed is caught up by `sync`. Heads merge in any order (C1), so none of the clocks leads.

But one that holds this agent to a narrowed delegation may want an event made on its own head. It is
asked first, so that the event can be made again before the folder, and whoever reads it, has it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from clock_service.client import Look
from clock_service.errors import BadAnswer, ClockRefused, ClockUnreachable, RemoteClockError
from pail import CID, Block, PailError, Reader, Walk, crdt, run
from pail.clock import advance
from pail.event import Head, decode_event
from pail.operation import Batch, Delete, Put, decode_operation
from space import Clock, CorruptBlock

MAX_REMADE = 4
"""Times that an event is made again because the head moved meanwhile."""


class Elsewhere(Clock, Protocol):
    """A clock that may be out of reach, and may name events that are not here.

    is_narrow: it takes from this agent only what adds to its own head.
    """

    @property
    def is_narrow(self) -> bool: ...

    def look(self) -> Look: ...


_PASSING = frozenset({"HeadMoved", "MissingAncestors", "HandlerExecutionError"})
"""Refusals that another try may not meet; the others are about what this agent may do, or the space."""

Blocks = Sequence[tuple[CID, bytes]]


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong with one of several clocks. is_behind: it lacks events that others have.

    may_pass: whether trying again can help, with nothing else done about it.
    """

    why: str
    is_behind: bool
    may_pass: bool = False


def trouble_of(error: Exception) -> Trouble:
    """Of a clock that did not take or give what it was asked."""
    passes = isinstance(error, ClockUnreachable | BadAnswer) or (
        isinstance(error, ClockRefused) and error.name in _PASSING
    )
    return Trouble(str(error), True, passes)


class SeveralClocks:
    """A `space.Clock`. others: by name. keep: makes the blocks of an event that was made again durable (S1);
    without it none is.

    troubles: by name, of the clocks that failed the last time they were asked.
    """

    def __init__(
        self,
        own: Clock,
        others: Mapping[str, Elsewhere],
        read: Reader,
        *,
        keep: Callable[[Iterable[Block]], None] | None = None,
    ) -> None:
        self._own = own
        self._others = others
        self._read = read
        self._keep = keep
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
        """The head of the own clock after `event`, or after what was made of it on the head of a clock
        that wanted that; all the others were told too. Raises what the own clock raises.
        """
        along: Blocks = list(blocks)
        if self._keep is not None:
            for other in self._others.values():
                if other.is_narrow:
                    event, along = self._on_head_of(other, event, along, self._keep)
        head = self._own.advance(event, along)
        for name, other in self._others.items():
            self._tell(name, other, event, along)
        return head

    def _on_head_of(
        self, other: Elsewhere, event: CID, blocks: Blocks, keep: Callable[[Iterable[Block]], None]
    ) -> tuple[CID, Blocks]:
        """The event that `other` takes with the operation of `event`; if it takes none, `event`."""
        offered: tuple[CID, Blocks] = event, blocks
        for _ in range(MAX_REMADE):
            try:
                other.advance(offered[0], offered[1])
            except ClockRefused as refused:
                if refused.name != "HeadMoved":
                    return event, blocks
            except (RemoteClockError, PailError, CorruptBlock):
                return event, blocks
            else:
                return offered
            try:
                update = run(_again(event, other.look().head, blocks), self._read)
            except (RemoteClockError, PailError, CorruptBlock):
                return event, blocks
            if update.event is None:
                return event, blocks  # the clock has it already, in another event
            made = [update.event, *update.additions]
            keep(made)
            offered = update.event.cid, made
        return event, blocks

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
            self.troubles[name] = trouble_of(error)
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
            self.troubles[name] = trouble_of(error)
        else:
            if name in self.troubles and self.troubles[name].is_behind:
                del self.troubles[name]


def _again(event: CID, head: Head, blocks: Blocks) -> Walk[crdt.Update]:
    """What `event` does, done on `head`."""
    known = dict(blocks)
    data = known[event] if event in known else (yield event)
    operation, _ = decode_operation(decode_event(data).data)
    match operation:
        case Put(key, value):
            return (yield from crdt.put(head, key, value))
        case Delete(key):
            return (yield from crdt.delete(head, key))
        case Batch(puts):
            return (yield from crdt.batch(head, [(put.key, put.value) for put in puts]))
