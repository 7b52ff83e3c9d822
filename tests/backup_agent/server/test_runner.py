"""What a job does around its run: whether it is time, and whose result it is. On both databases."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from backup_agent.errors import AgentError
from backup_agent.server.account import Account, Result
from backup_agent.server.attempt import Attempts
from backup_agent.server.database import Database
from backup_agent.server.limits import Limits
from backup_agent.server.runner import Runner
from backup_agent.server.schedule import MAX_FAILURES, State
from tests.backup_agent.server.rows import NOW_MS, Book


@dataclass
class Attempted:
    """Attempts that all end by `error`."""

    database: Database
    error: Exception
    runs: list[str] = field(default_factory=list[str])

    def now(self) -> float:
        return NOW_MS / 1000

    def run(self, account: Account, *_: Any) -> None:
        self.runs.append(account.did)
        raise self.error


def do(book: Book, account: Account, error: Exception, worker: str = "w") -> list[str]:
    attempts = Attempted(book.database, error)
    limits = Limits(runs_a_day=3)
    Runner(cast(Attempts, attempts), worker, limits, lambda again: attempts.runs.append("again"))(
        account.id, "job"
    )
    return attempts.runs


def set_field(book: Book, account: Account, name: str, number: int) -> None:
    book.database.do(
        lambda session: session.run(f"UPDATE agent_account SET {name} = ? WHERE id = ?", (number, account.id))
    )


@pytest.mark.parametrize("name", ["until_s", "expires_s"])
def test_what_is_past_its_time_is_not_run(book: Book, name: str) -> None:
    account = book.add("did:plc:a")
    book.worker("w")
    set_field(book, account, name, NOW_MS // 1000)
    assert do(book, account, AgentError("never")) == []
    after = book.account(account.id)
    assert (after.state, after.worker) == (State.LAPSED, None)
    assert "by this server's clock" in after.reason
    set_field(book, account, name, NOW_MS // 1000 + 1)
    book.database.do(lambda session: session.run("UPDATE agent_account SET state = 'active'"))
    assert do(book, account, AgentError("known")) == ["did:plc:a"]


@pytest.mark.parametrize("error", [AgentError("known"), KeyError("a defect")])
def test_whatever_goes_wrong_is_the_accounts_result_and_comes_again(book: Book, error: Exception) -> None:
    account = book.add("did:plc:a")
    book.worker("w")
    assert do(book, account, error) == ["did:plc:a"]
    after = book.account(account.id)
    assert after.last_run is not None
    assert (after.last_run.result, after.last_good) == (Result.FAILED, None)
    assert (after.state, after.failures, after.worker, after.next_due > NOW_MS) == ("active", 1, None, True)


def test_who_kills_its_workers_is_not_tried_for_ever(book: Book) -> None:
    account = book.add("did:plc:a")
    set_field(book, account, "failures", MAX_FAILURES - 1)
    dead, _ = book.worker("dead"), book.worker("w")
    book.database.do(lambda session: session.run("UPDATE agent_account SET worker = ?", (dead,)))
    book.database.do(lambda session: session.run("UPDATE agent_worker SET is_dead = 1 WHERE id = ?", (dead,)))
    assert do(book, account, AgentError("never")) == []
    after = book.account(account.id)
    assert after.state is State.PARKED
    assert "workers ended in the middle" in after.reason


def test_a_space_that_has_used_up_its_runs_waits_for_the_next_day(book: Book) -> None:
    account = book.add("did:plc:a")
    book.worker("w")
    for _ in range(3):
        assert do(book, account, AgentError("known"))
    assert do(book, account, AgentError("never")) == []
    after = book.account(account.id)
    assert after.last_run is not None
    assert (after.last_run.result, after.failures) == (Result.WAITING, 3)
    assert after.next_due > NOW_MS + 3_600_000
