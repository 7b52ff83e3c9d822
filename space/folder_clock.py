"""The clock that lives in a space's folder: one head object for each agent, the head is their fold."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pail import CID
from space.clock import Head
from space.folder import FolderSpace

if TYPE_CHECKING:
    from ucan import Signer


@dataclass(frozen=True, slots=True)
class ClockReport:
    """What the head objects of a folder say.

    agents: each agent with the head its object names. pending: events not taken in yet, since
    `missing` (one block of what they need) is not here. ignored: file names with the reason.
    """

    head: Head
    agents: dict[str, Head]
    pending: dict[CID, CID]
    ignored: dict[str, str]


class FolderClock:
    """A `space.Clock` without a server: needs no lock but among processes of one machine."""

    def __init__(self, space: FolderSpace, agent: Signer) -> None:
        raise NotImplementedError

    def head(self) -> Head:
        """The fold of all head objects here, and of all that was known before; takes in new shards first."""
        raise NotImplementedError

    def advance(self, event: CID, blocks: Iterable[tuple[CID, bytes]] = ()) -> Head:
        """As `Clock.advance`: the agent's head object is on the disk when it returns.

        Raises NotReadable, SpaceFull, SpaceUnavailable; the head is then as before.
        """
        raise NotImplementedError

    def report(self) -> ClockReport:
        """What stands in the folder and what of it counts, for people."""
        raise NotImplementedError
