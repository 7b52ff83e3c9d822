"""The service as a table: ability → what is done. Who may ask is settled before a handler is called."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from time import time
from typing import TypeVar

from backup_agent.server import account_rows, capabilities
from backup_agent.server.account import Account
from backup_agent.server.capabilities import Asked
from backup_agent.server.database import Database
from backup_agent.server.errors import BadSchedule, NotScheduled, Refused
from backup_agent.server.revoking import Revoking
from backup_agent.server.schedule import State
from backup_agent.server.scheduling import Scheduling
from backup_agent.server.status import status_of
from clock_service.capabilities import REVOKE
from clock_service.session import Session
from pail import CID
from ucan import Failure, Outcome, Service, Signer, Task, provide
from ucan import Refused as RefusedByName

N = TypeVar("N")

Change = Callable[[Session, Account], None]


class Table:
    """The handlers. put_now: puts an account in line before all that is scheduled; blocks."""

    def __init__(
        self,
        database: Database,
        signer: Signer,
        scheduling: Scheduling,
        put_now: Callable[[Account], None],
        *,
        now: Callable[[], float] = time,
    ) -> None:
        self._database = database
        self._signer = signer
        self._scheduling = scheduling
        self._revoking = Revoking(database, signer)
        self._put_now = put_now
        self._now = now

    def service(self) -> Service:
        return Service(
            self._signer,
            [
                provide(capabilities.SCHEDULE, _named(self._schedule)),
                provide(capabilities.LIST, _named(self._list)),
                provide(capabilities.STATUS, _named(self._status)),
                provide(capabilities.NOW, _named(self._run_now)),
                provide(capabilities.PAUSE, _named(self._pause)),
                provide(capabilities.RESUME, _named(self._resume)),
                provide(capabilities.REMOVE, _named(self._remove)),
                provide(REVOKE, _named(self._revoke)),
            ],
        )

    async def _schedule(self, task: Task[Asked]) -> Outcome:
        account = await self._scheduling.schedule(task.resource, task.nb, task.blocks)
        return self._told(account)

    async def _list(self, task: Task[None]) -> Outcome:
        accounts = await self._database.ask(lambda session: account_rows.of_space(session, task.resource))
        now_ms = self._now_ms()
        return Outcome({"accounts": [status_of(account, now_ms) for account in accounts]})

    async def _status(self, task: Task[str]) -> Outcome:
        return self._told(await self._changed(task, lambda session, account: None))

    async def _run_now(self, task: Task[str]) -> Outcome:
        """What was parked is tried again; what is paused or ended is not run against anybody's will."""
        account = await self._changed(task, _wake)
        await self._database.ask(lambda session: None)  # a database that is away is told here, not later
        await _in_thread(self._put_now, account)
        return self._told(await self._changed(task, lambda session, account: None))

    async def _pause(self, task: Task[str]) -> Outcome:
        def pause(session: Session, account: Account) -> None:
            _refuse_ended(account)
            account_rows.set_state(session, account, State.PAUSED, "paused by its owner")

        return self._told(await self._changed(task, pause))

    async def _resume(self, task: Task[str]) -> Outcome:
        def resume(session: Session, account: Account) -> None:
            _refuse_ended(account)
            account_rows.set_state(session, account, State.ACTIVE)
            account_rows.set_due(session, account, self._now_ms(), 0)

        return self._told(await self._changed(task, resume))

    async def _remove(self, task: Task[str]) -> Outcome:
        await self._changed(task, account_rows.remove, is_last=True)
        return Outcome({})

    async def _revoke(self, task: Task[CID]) -> Outcome:
        await self._revoking.revoke(task.resource, task.nb, task.blocks)
        return Outcome({"time": self._now_ms()})

    async def _changed(self, task: Task[str], change: Change, *, is_last: bool = False) -> Account:
        """The account after `change`, in one transaction. Raises NotScheduled."""

        def work(session: Session) -> Account:
            account = account_rows.find(session, task.resource, task.nb, lock=True)
            if account is None:
                raise NotScheduled(task.nb)
            change(session, account)
            if is_last:
                return account
            after = account_rows.load(session, account.id)
            assert after is not None
            return after

        return await self._database.ask(work)

    def _told(self, account: Account) -> Outcome:
        return Outcome(status_of(account, self._now_ms()))

    def _now_ms(self) -> int:
        return int(self._now() * 1000)


def _wake(session: Session, account: Account) -> None:
    _refuse_ended(account)
    if account.state is State.PAUSED:
        raise BadSchedule(f"{account.did} is {account.reason}; `skypail schedule resume` takes it up again")
    account_rows.set_state(session, account, State.ACTIVE)


def _refuse_ended(account: Account) -> None:
    """What has ended waits for new delegations, and nothing else takes it up. Raises BadSchedule."""
    if account.state.is_over:
        why = f"{account.did} is ended: {account.reason}"
        raise BadSchedule(f"{why}; `skypail schedule ACCOUNT` takes it up again")


async def _in_thread(work: Callable[[Account], None], account: Account) -> None:
    from asyncio import to_thread

    await to_thread(work, account)


def _named(work: Callable[[Task[N]], Awaitable[Outcome]]) -> Callable[[Task[N]], Awaitable[Outcome]]:
    """`work`, with what refused it as a failure by name."""

    async def handler(task: Task[N]) -> Outcome:
        try:
            return await work(task)
        except Refused as error:
            raise RefusedByName(Failure(type(error).__name__, str(error))) from error

    return handler
