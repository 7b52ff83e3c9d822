"""A clock service behind UCAN in this process, and agents with spaces who ask it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import time

from clock_service import ClockService, Guard, Limits, Policy, Provision, open_store
from clock_service.access import Access
from clock_service.caller import Caller
from clock_service.client import RemoteClock
from clock_service.errors import ClockUnreachable
from clock_service.table import Table
from pail import CID, Value, cid_of, crdt, run
from pail.cid import RAW
from space import FolderClock, Space, open_folder
from ucan import Capability, Connection, Delegation, Response, Revocation, Server, Signer, delegate

SPACE, OWNER, HELPER, SERVICE, STRANGER = (Signer.from_seed(bytes([n]) * 32) for n in range(11, 16))


def grant(
    to: Signer, *cans: str, nb: dict[str, Value] | None = None, life_s: int = 3600, by: Signer = SPACE
) -> Delegation:
    """A delegation for the space; `nb` narrows `clock/advance`."""
    capabilities = [Capability(can, SPACE.did, nb if can == "clock/advance" else None) for can in cans]
    return delegate(by, to.did, capabilities, expires_at_unix=int(time()) + life_s)


class Host:
    """The service. is_down: it answers nobody."""

    def __init__(self, folder: Path, name: str = "clock", guard: Guard = Guard.WHEN_POSSIBLE) -> None:
        self.store = open_store(f"sqlite:///{folder}/{name}.db")
        self.url = f"https://{name}.example/"
        self.signer = SERVICE
        self.is_down = False
        self.requests = 0
        clocks = ClockService(self.store, Policy(Provision.OPEN, Limits(), guard))
        self.server = Server(
            Table(clocks, SERVICE).service(), now_unix_s=lambda: int(time()), revocations_of=self._revocations
        )

    async def _revocations(self, ucans: Sequence[CID]) -> list[Revocation]:
        found = await self.store.revocations(ucans)
        return [Revocation(each.delegation, each.by) for each in found]

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Response:
        self.requests += 1
        if self.is_down:
            raise ClockUnreachable(url, "does not answer")
        return await self.server.respond(headers, body)

    def connection(self) -> Connection:
        return Connection(self.url, self.signer.did, (self.signer.verifier,), self.post)

    def head(self, space: str = SPACE.did) -> tuple[CID, ...]:
        return asyncio.run(self.store.known(space)).clock.head

    def clock(self, agent: Agent, *held: Delegation) -> RemoteClock:
        return RemoteClock(self.caller(agent.signer, *held), agent.space)

    def caller(self, signer: Signer, *held: Delegation) -> Caller:
        return Caller(self.connection(), Access(signer, SPACE.did, held), asyncio.run)


@dataclass
class Agent:
    """An agent with a folder of its own."""

    signer: Signer
    space: Space
    clock: FolderClock = field(init=False)

    def __post_init__(self) -> None:
        self.clock = FolderClock(self.space, self.signer)

    @classmethod
    def at(cls, folder: Path, signer: Signer = OWNER) -> Agent:
        (folder / "space").mkdir(parents=True, exist_ok=True)
        (folder / "cache").mkdir(exist_ok=True)
        return cls(signer, open_folder(folder / "space", cache=folder / "cache", did=SPACE.did))

    def put(self, key: str, text: str = "", head: tuple[CID, ...] | None = None) -> CID:
        """Write an entry on the own head, and advance the own clock."""
        on = self.clock.head() if head is None else head
        return self._record(run(crdt.put(on, key, cid_of(RAW, (text or key).encode())), self.space.get))

    def delete(self, key: str) -> CID:
        return self._record(run(crdt.delete(self.clock.head(), key), self.space.get))

    def _record(self, update: crdt.Update) -> CID:
        assert update.event is not None
        self.clock.advance(update.event.cid, [update.event, *update.additions])
        return update.event.cid
