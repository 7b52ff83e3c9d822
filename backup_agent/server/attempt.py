"""One run of an account by delegation: what `skypail backup` does, with the server's key and permit."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from backup_agent.clock_host import ClockHost
from backup_agent.clock_list import KnownClock
from backup_agent.identity import Resolver
from backup_agent.net import Http, Retry
from backup_agent.other_thread import OtherThread
from backup_agent.run import Outcome, Run, back_up
from backup_agent.server import host_rows
from backup_agent.server.account import Account
from backup_agent.server.database import Database
from backup_agent.server.errors import Wait
from backup_agent.server.hosted_place import Held
from backup_agent.server.permit import Permit
from backup_agent.server.places import Places
from backup_agent.server.run_clock import LedClock, TurnClock
from backup_agent.server.shared_pace import PATIENCE_S, SharedPace
from backup_agent.source import Source
from clock_service.access import Access
from clock_service.caller import Caller
from clock_service.client import RemoteClock
from space import Clock, FolderClock, Space
from ucan import Delegation, Signer

ATTEMPTS = 3
"""At each request; after that the account waits, and the worker does something else."""


def _new_tls() -> ssl.SSLContext:
    import httpx

    return httpx.create_ssl_context()


@dataclass(frozen=True, slots=True)
class Attempts:
    """Runs accounts. signer: the server's key."""

    database: Database
    places: Places
    signer: Signer
    plc_url: str
    allow_private: bool
    runs_per_host: int
    now: Callable[[], float] = time.time
    tls: ssl.SSLContext = field(default_factory=_new_tls)
    """Shared: to read the certificates of the authorities costs more than an unchanged run."""
    until: dict[tuple[object, str], float] = field(default_factory=dict[tuple[object, str], float])
    """Shared: which paths of which hosts are not to be asked before when; see `net.pace`."""

    def run(self, account: Account, held: Sequence[Delegation], permit: Permit) -> Outcome:
        """Back the account up. Raises AgentError (Stopped, OutOfTime and Wait among it), SpaceError,
        RemoteClockError, PailError, StoreUnavailable.
        """
        may = Held(self.signer, account.space, held)
        with self.places.open(account.schedule.place, may, permit) as space:
            own = TurnClock(FolderClock(space, self.signer), permit)
            with self._clock(account, held, space, own, permit) as clock:
                return asyncio.run(permit.deadline.bound(self._back_up(account, space, clock)))

    async def _back_up(self, account: Account, space: Space, clock: Clock) -> Outcome:
        pace = SharedPace(self.database, self.until, now=self.now)
        async with self._http(pace) as http:
            identity = await Resolver(http, plc_url=self.plc_url).resolve(account.did)
            source = Source(http, identity.pds)
            await self._enter(account, source.host, pace)
            name = hashlib.sha256(f"{account.space} {account.did}".encode()).hexdigest()[:32]
            work = Run(
                identity=identity,
                source=source,
                space=space,
                clock=clock,
                signer=self.signer,
                now_ms=lambda: int(self.now() * 1000),
                journal=self._file(f"{name}.blobs.jsonl"),
                sealed_note=self._file(f"{name}.sealed.json"),
            )
            try:
                return await back_up(work)
            finally:
                await pace.leave()

    async def _enter(self, account: Account, host: str, pace: SharedPace) -> None:
        """Raises Wait if the host is busy, or not to be asked for now."""
        now_ms = int(self.now() * 1000)
        leave = await self.database.ask(
            lambda session: host_rows.enter(session, account.id, host, now_ms, self.runs_per_host)
        )
        if not leave.tokens:
            raise Wait(leave.why, leave.wait_ms / 1000)
        pace.enter(host, leave.tokens)

    @contextmanager
    def _clock(
        self, account: Account, held: Sequence[Delegation], space: Space, own: Clock, permit: Permit
    ) -> Generator[Clock]:
        chosen = account.schedule.clock
        if chosen is None:
            yield own
            return
        finish = OtherThread()
        http = self._http(None)
        try:
            in_time = permit.deadline.bounds(finish)
            connection = in_time(ClockHost(http).connect(KnownClock(chosen.url, chosen.did)))
            caller = Caller(connection, Access(self.signer, account.space, held), in_time, now=self.now)
            yield LedClock(RemoteClock(caller, space), own, space, permit)
        finally:
            finish(_close(http))
            finish.close()

    def _http(self, pace: SharedPace | None) -> Http:
        retry = Retry(attempts=ATTEMPTS, patience_s=PATIENCE_S)
        return Http(allow_private=self.allow_private, retry=retry, tls=self.tls, pace=pace, now=self.now)

    def _file(self, name: str) -> Path:
        return self.places.cache / name


async def _close(http: Http) -> None:
    async with http:
        pass
