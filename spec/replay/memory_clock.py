"""The clock service that the recorded exchanges assume: heads in memory, data of any kind, no guard."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pail import CID, MissingBlock, run
from pail.clock import Head, advance
from ucan import (
    Definition,
    Handler,
    NamedSigner,
    Outcome,
    Service,
    Signer,
    Task,
    link_caveat,
    no_caveats,
    provide,
)


def clock_service(issuer: NamedSigner, head: Handler[None], advance: Handler[CID]) -> Service:
    """The two capabilities that the vectors invoke."""
    return Service(
        issuer,
        [
            provide(Definition("clock/head", no_caveats), head),
            provide(Definition("clock/advance", link_caveat("event")), advance),
        ],
    )


class MemoryClock:
    """Heads and event blocks."""

    def __init__(self) -> None:
        self.heads: dict[str, list[CID]] = {}
        self.blocks: dict[CID, bytes] = {}

    def service(self, did: str, signer: Signer) -> Service:
        """The clock service that issues as `did`."""
        return clock_service(NamedSigner(did, signer), self.head, self.advance)

    async def head(self, task: Task[None]) -> Outcome:
        """The events of the clock's head."""
        return Outcome({"head": list(self.heads.get(task.resource, []))})

    async def advance(self, task: Task[CID]) -> Outcome:
        """The head after the event. In the original's order: a head as it grew, the new event last."""
        self.blocks |= task.blocks
        before = self.heads.get(task.resource, [])
        after: Head = run(advance(tuple(sorted(before)), task.nb), self.read)
        kept: list[Any] = [cid for cid in before if cid in after]
        self.heads[task.resource] = kept + [cid for cid in after if cid not in kept]
        return Outcome({"head": list(self.heads[task.resource])})

    def read(self, cids: Sequence[CID]) -> list[bytes]:
        """What came with any message."""
        for cid in cids:
            if cid not in self.blocks:
                raise MissingBlock(cid)
        return [self.blocks[cid] for cid in cids]
