"""A database with accounts, workers and time, for tests of what stands in it."""

from __future__ import annotations

from dataclasses import dataclass, field

from backup_agent.server import account_rows, worker_rows
from backup_agent.server.account import Account
from backup_agent.server.database import Database
from backup_agent.server.lease_rows import Lease
from backup_agent.server.schedule import PlaceOf, Schedule

NOW_MS = 1_800_000_000_000
SPACE = "did:key:z6MkSpace"


@dataclass(slots=True)
class Book:
    """Everything by its shortest name; time stands still unless a test moves it."""

    database: Database
    now_ms: int = NOW_MS
    made: list[str] = field(default_factory=list[str])

    def add(self, did: str, *, space: str = SPACE, every_s: int = 3600, due_ms: int | None = None) -> Account:
        due = self.now_ms if due_ms is None else due_ms
        schedule = Schedule(did, every_s, PlaceOf("file:///space"))
        number = self.database.do(
            lambda session: account_rows.add(
                session, space, schedule, expires_s=self.now_ms // 1000 + 86_400, next_due=due
            )
        )
        return self.account(number)

    def account(self, number: int) -> Account:
        found = self.database.do(lambda session: account_rows.load(session, number))
        assert found is not None
        return found

    def worker(self, name: str) -> str:
        self.database.do(lambda session: worker_rows.enlist(session, name, self.now_ms))
        return name

    def lease(self, account: Account, worker: str, job: str = "job") -> Lease:
        return Lease(account.id, worker, job)
