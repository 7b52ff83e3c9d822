"""The head of a space, wherever it is kept.

A head is what `pail.event` says: events of which none supersedes another. Folder, service and
several clocks at once all answer these two questions and nothing more.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from pail import CID
from pail.event import Head


class Clock(Protocol):
    """Knows one head, and moves it forward."""

    def head(self) -> Head:
        """The head as known now; every event of it can be read (C3)."""
        ...

    def advance(self, event: CID, blocks: Iterable[tuple[CID, bytes]] = ()) -> Head:
        """The head after `event` is seen, durable on return (C4); arrival order never matters (C1).

        blocks: those of the event that the clock may lack, its own among them, hash-checked.
        Raises NotReadable if the event, an ancestor or its pail cannot be read (C3).
        """
        ...
