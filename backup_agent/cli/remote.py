"""The clock services of a space, ready to be asked, for the commands that do."""

from __future__ import annotations

import time
from collections.abc import Collection, Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from backup_agent.authority import Authority
from backup_agent.cli.known_space import OfSpace
from backup_agent.cli.output import print_error
from backup_agent.cli.workbench import Workbench
from backup_agent.clock_host import ClockHost
from backup_agent.clock_list import ClockList, KnownClock, plain_url
from backup_agent.delegations import Delegations
from backup_agent.errors import DelegationError
from backup_agent.home import Settings
from backup_agent.net import Http, Retry, check_url
from backup_agent.other_thread import OtherThread
from clock_service.caller import Caller, Finish
from clock_service.client import RemoteClock
from clock_service.errors import ClockRefused, RemoteClockError
from clock_service.several import SeveralClocks, Trouble, trouble_of
from pail import Block
from space import Space
from ucan import Delegation

ATTEMPTS = 2
"""At each clock: what fails now is caught up later, and nobody wants to wait for it."""


@dataclass(frozen=True, slots=True)
class Line:
    """Through which services are asked."""

    host: ClockHost
    finish: Finish
    allow_private: bool

    def find(self, url: str, did: str | None) -> KnownClock:
        """The service at `url`; `did` spares asking who it is. Raises HostRefused, RemoteClockError."""
        check_url(url, allow_private=self.allow_private)
        plain = plain_url(url)
        return KnownClock(plain, did) if did else self.finish(self.host.find(plain))

    def caller(self, clock: KnownClock, authority: Authority) -> Caller:
        """As `authority`. Raises RemoteClockError, HomeUnusable."""
        connection = self.finish(self.host.connect(clock))
        return Caller(connection, authority.access(int(time.time())), self.finish)

    def revoke(self, clock: KnownClock, authority: Authority, delegation: Delegation) -> None:
        """Make `delegation` worth nothing to `clock`; again does no harm.

        Raises RemoteClockError, DelegationError if no key here may revoke it.
        """
        signer = authority.revoker(delegation)  # needs no delegation itself
        access = Authority(authority.home, signer, signer.did).access(int(time.time()))
        Caller(self.finish(self.host.connect(clock)), access, self.finish).revoke(delegation)

    def revoke_all(self, clock: KnownClock, authority: Authority, without: Collection[str] = ()) -> None:
        """Tell `clock` of all that was ever revoked of the space, and is not over anyway.

        without: CIDs of what it is not told of. Raises as `revoke`, at the first that fails.
        """
        kept = Delegations(authority.home.delegations)
        for delegation in kept.revoked(authority.space, int(time.time())):
            if str(delegation.cid) in without:
                continue
            try:
                self.revoke(clock, authority, delegation)
            except DelegationError as error:
                raise DelegationError(
                    f"{error}; have whoever has it revoke it there, or leave it valid there until it expires "
                    f"by --without-revocation {delegation.cid}"
                ) from error
            except ClockRefused as refused:
                raise _unrevoked(refused, delegation) from refused


def _unrevoked(refused: ClockRefused, delegation: Delegation) -> DelegationError:
    """What keeps a service from being used: whom others refuse would be trusted there."""
    way_out = (
        "once it hosts the space, try again"
        if refused.name == "NotProvisioned"
        else f"or leave it valid there until it expires by --without-revocation {delegation.cid}"
    )
    return DelegationError(f"{refused}; it must know first that {delegation.cid} is revoked: {way_out}")


@contextmanager
def open_line(chosen: Settings) -> Generator[Line]:
    """A line for as long as the block lasts."""
    finish = OtherThread()
    http = Http(allow_private=chosen.allow_private_hosts, retry=Retry(attempts=ATTEMPTS))
    try:
        yield Line(ClockHost(http), finish, chosen.allow_private_hosts)
    finally:
        finish(_close(http))
        finish.close()


async def _close(http: Http) -> None:
    async with http:
        pass


@dataclass(frozen=True, slots=True)
class Clocks:
    """The folder's clock and those of services, as one. unusable: those that cannot even be asked.

    unrevoked: those that could not be told what is revoked, and why.
    """

    several: SeveralClocks
    known: Sequence[KnownClock]
    remote: dict[str, RemoteClock]
    unusable: dict[str, Trouble]
    unrevoked: dict[str, Trouble] = field(default_factory=dict[str, Trouble])

    def revoke_all(self, line: Line, authority: Authority, without: Collection[str] = ()) -> None:
        """Tell each what is revoked; `troubles` says who did not take it."""
        for clock in self.known:
            if clock.url in self.unusable:
                continue
            try:
                line.revoke_all(clock, authority, without)
            except (RemoteClockError, DelegationError) as error:
                self.unrevoked[clock.url] = trouble_of(error)

    def troubles(self) -> dict[str, Trouble]:
        """By URL, of all that failed the last time."""
        return self.several.troubles | self.unusable | self.unrevoked

    def warn(self) -> None:
        """Say on standard error what failed, and what to do."""
        for trouble in self.troubles().values():
            hint = "; `skypail clock sync` catches up" if trouble.is_behind and trouble.may_pass else ""
            print_error(f"{trouble.why}{hint}")

    def document(self) -> list[dict[str, Any]]:
        """For --json: each clock, and what failed there."""
        troubles = self.troubles()
        return [
            {
                "url": clock.url,
                "did": clock.did or None,
                "ok": clock.url not in troubles,
                "problem": troubles[clock.url].why if clock.url in troubles else None,
            }
            for clock in self.known
        ]


def authority_of(bench: OfSpace) -> Authority:
    """What this agent may do to the space of `bench`."""
    return Authority(bench.home, bench.signer, bench.space.did)


def clock_list(bench: OfSpace) -> ClockList:
    """The services that the space of `bench` uses."""
    return ClockList(bench.home.clocks, bench.space.did)


def open_clocks(
    line: Line, bench: Workbench, known: Sequence[KnownClock], urls: Sequence[str] = ()
) -> Clocks:
    """The clocks of the space of `bench`: its folder's, `known`, and those at `urls`. Raises HomeUnusable."""
    remote: dict[str, RemoteClock] = {}
    unusable: dict[str, Trouble] = {}
    more: list[KnownClock] = []
    for url in dict.fromkeys(map(plain_url, urls)):
        try:
            more.append(line.find(url, None))
        except RemoteClockError as error:
            unusable[url] = trouble_of(error)
            more.append(KnownClock(url, ""))
    for clock in [*known, *(each for each in more if each.url not in unusable)]:
        try:
            if clock in more:
                line.revoke_all(clock, authority_of(bench))  # it may never have been told
            remote[clock.url] = RemoteClock(line.caller(clock, authority_of(bench)), bench.space)
        except (RemoteClockError, DelegationError) as error:
            unusable[clock.url] = trouble_of(error)
    several = SeveralClocks(bench.clock, remote, bench.space.get, keep=partial(_keep, bench.space))
    return Clocks(several, [*known, *more], remote, unusable)


def _keep(space: Space, blocks: Iterable[Block]) -> None:
    with space.stage() as stage:
        stage.put_many(blocks)
        stage.publish()
