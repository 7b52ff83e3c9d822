"""When all is well, so that the dead man's switch is pinged: what stands still or fails is not."""

from __future__ import annotations

import time

import pytest

from backup_agent.server import account_rows, line_rows, run_rows
from backup_agent.server.account import Result, RunNote
from backup_agent.server.database import Database
from backup_agent.server.jobs import Jobs
from backup_agent.server.metrics import LATE_MS, why_not_well
from backup_agent.server.schedule import State
from backup_agent.server.ticker import TIDY_EVERY_S, Ticker
from clock_service.errors import StoreUnavailable
from clock_service.session import Connection
from tests.backup_agent.server.rows import NOW_MS, Book


class StuckJobs(Jobs):
    """A line in which nothing is ever begun."""

    def __init__(self) -> None:
        self.put_names: list[str] = []

    def put(self, line: object, account: int, name: str) -> None:
        self.put_names.append(name)

    def open_among(self, names: object) -> set[str]:
        return set(self.put_names)

    def waiting(self) -> int:
        return len(self.put_names)

    def forget(self, before_ms: int) -> int:
        return 0


def why(book: Book) -> str | None:
    return book.database.do(why_not_well)


def note(book: Book, result: Result) -> None:
    account = book.account(1)
    now_ms = int(time.time() * 1000)
    book.database.do(
        lambda session: run_rows.add(session, account, "w", RunNote(now_ms - 1000, now_ms, result))
    )


def test_a_line_in_which_nothing_is_begun_is_not_well(book: Book) -> None:
    now_ms = int(time.time() * 1000)
    book.add("did:plc:a", due_ms=now_ms - 3 * 3_600_000)
    jobs = StuckJobs()
    Ticker(book.database, jobs, now=lambda: time.time() - 2 * 3600).tick()
    ticker = Ticker(book.database, jobs)
    assert [ticker.tick() for _ in range(3)] == [0, 0, 0]
    assert len(jobs.put_names) == 1
    assert why(book) == "1 accounts are past their time"


def test_what_stands_in_line_keeps_nobody_else_out_of_it(book: Book) -> None:
    late = int(time.time() * 1000) - LATE_MS
    first = book.add("did:plc:a", due_ms=late)
    jobs = StuckJobs()
    ticker = Ticker(book.database, jobs, max_in_line=2)
    assert ticker.tick() == 1
    book.database.do(
        lambda session: session.run("UPDATE agent_account SET next_due = ? WHERE id = ?", (late, first.id))
    )
    book.add("did:plc:b", due_ms=late + 1)
    assert ticker.tick() == 1


@pytest.mark.parametrize("result", [Result.RECORDED, Result.UNCHANGED])
def test_that_all_runs_fail_is_not_well_until_one_goes_well(book: Book, result: Result) -> None:
    book.add("did:plc:a", due_ms=int(time.time() * 1000))
    note(book, Result.WAITING)
    assert why(book) is None
    note(book, Result.FAILED)
    assert why(book) == "all 1 runs of the last hour failed"
    note(book, result)
    assert why(book) is None


def test_one_that_waits_in_line_after_a_worker_has_it_is_looked_at_again_later(book: Book) -> None:
    now_ms = int(time.time() * 1000)
    account = book.add("did:plc:a", due_ms=now_ms - LATE_MS - 60_000)
    jobs = StuckJobs()
    ticker = Ticker(book.database, jobs)
    ticker.tick()
    set_running = "UPDATE agent_account SET worker = 'w', next_due = 0 WHERE id = ?"
    book.database.do(lambda session: session.run(set_running, (account.id,)))
    ticker.tick()
    assert book.database.do(line_rows.in_line) == 1
    assert why(book) is None


def test_a_clock_that_was_a_year_ahead_is_noticed_when_it_is_right_again(book: Book) -> None:
    account = book.add("did:plc:a")
    book.database.do(lambda session: account_rows.set_state(session, account, State.LAPSED, "it is 2099"))
    wall, steady = [NOW_MS / 1000 + 365 * 86_400], [1000.0]
    ticker = Ticker(book.database, StuckJobs(), now=lambda: wall[0], clock=lambda: steady[0])
    ticker.tidy()
    assert book.account(account.id).state is State.LAPSED
    wall[0] = NOW_MS / 1000
    steady[0] += TIDY_EVERY_S
    ticker.tidy()
    assert book.account(account.id).state is State.ACTIVE


def test_a_database_that_is_away_is_one_line_and_no_defect() -> None:
    class Away(StuckJobs):
        def waiting(self) -> int:
            raise OSError("the engine's own words")

    def connect() -> Connection:
        raise StoreUnavailable("away")

    database = Database("postgresql://x", connect, connections=1, is_shared=True, now_sql="")
    with pytest.raises(StoreUnavailable):
        Ticker(database, Away()).tick()
