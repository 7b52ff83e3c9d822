"""What all workers together ask of a host. On both databases."""

from __future__ import annotations

import pytest

from backup_agent.server import host_rows
from backup_agent.server.account import Account
from backup_agent.server.database import open_database
from backup_agent.server.host_rows import CAPACITY, LOT, MAX_PAUSE_S, RUNS_AT_ONCE, TOKENS_A_SECOND, Leave
from clock_service import postgres_store
from clock_service.errors import StoreUnavailable
from tests.backup_agent.server.rows import NOW_MS, Book

HOST = "pds.example.com"


def running(book: Book, number: int) -> Account:
    account = book.add(f"did:plc:{number}")
    worker = f"w{number}"
    book.worker(worker)
    book.database.do(
        lambda session: session.run("UPDATE agent_account SET worker = ? WHERE id = ?", (worker, account.id))
    )
    return account


def enter(book: Book, account: Account) -> Leave:
    return book.database.do(
        lambda session: host_rows.enter(session, account.id, HOST, book.now_ms, RUNS_AT_ONCE)
    )


def take(book: Book) -> Leave:
    return book.database.do(lambda session: host_rows.take_tokens(session, HOST, book.now_ms))


def test_no_more_runs_than_are_polite(book: Book) -> None:
    accounts = [running(book, number) for number in range(RUNS_AT_ONCE + 1)]
    leaves = [enter(book, account) for account in accounts]
    assert [bool(leave.tokens) for leave in leaves] == [True] * RUNS_AT_ONCE + [False]
    assert HOST in leaves[-1].why


def test_a_dead_workers_run_does_not_count(book: Book) -> None:
    accounts = [running(book, number) for number in range(RUNS_AT_ONCE + 1)]
    for account in accounts[:-1]:
        enter(book, account)
    book.database.do(lambda session: session.run("UPDATE agent_worker SET is_dead = 1 WHERE id = 'w0'"))
    assert enter(book, accounts[-1]).tokens


def test_requests_are_so_many_and_then_so_many_a_second(book: Book) -> None:
    assert sum(take(book).tokens for _ in range(CAPACITY // LOT)) == CAPACITY
    empty = take(book)
    assert (empty.tokens, empty.wait_ms) == (0, LOT * 1000 // TOKENS_A_SECOND)
    book.now_ms += empty.wait_ms
    assert take(book).tokens == LOT
    assert take(book).tokens == 0


def test_what_a_host_asks_for_holds_for_all(book: Book) -> None:
    book.database.do(lambda session: host_rows.pause(session, HOST, NOW_MS + 5000, "it says so", NOW_MS))
    assert take(book) == Leave(0, 5000, "it says so")
    book.database.do(lambda session: host_rows.pause(session, HOST, NOW_MS + 1000, "less", NOW_MS))
    assert take(book).wait_ms == 5000
    book.now_ms += 5000
    assert take(book).tokens


def test_no_host_rests_for_more_than_a_day_and_a_longer_wish_is_not_none(book: Book) -> None:
    far = NOW_MS + 9 * 86_400_000
    book.database.do(lambda session: host_rows.pause(session, HOST, far, "it says so", NOW_MS))
    assert take(book) == Leave(0, 86_400_000, "it says so")


def test_a_host_that_keeps_failing_rests_ever_longer_and_not_for_ever(book: Book) -> None:
    waits = list[int]()
    for _ in range(12):
        book.database.do(lambda session: host_rows.note_failure(session, HOST, "silent", book.now_ms))
        waits.append(take(book).wait_ms // 1000)
        book.now_ms += waits[-1] * 1000
    assert waits[:3] == [30, 60, 120]
    assert waits[-1] == MAX_PAUSE_S
    book.database.do(lambda session: host_rows.note_success(session, HOST))
    book.database.do(lambda session: host_rows.note_failure(session, HOST, "silent", book.now_ms))
    assert take(book).wait_ms == 30_000


def test_failures_of_runs_that_met_the_same_silence_count_once(book: Book) -> None:
    for _ in range(3):
        book.database.do(lambda session: host_rows.note_failure(session, HOST, "silent", book.now_ms))
    assert take(book).wait_ms == 30_000


def test_a_clock_that_goes_back_gives_no_tokens(book: Book) -> None:
    for _ in range(CAPACITY // LOT):
        take(book)
    book.now_ms -= 86_400_000
    assert take(book).tokens == 0


def test_what_was_not_asked_is_given_back(book: Book) -> None:
    account = running(book, 1)
    tokens = enter(book, account).tokens
    book.database.do(lambda session: host_rows.give_back(session, HOST, tokens - 1))
    assert sum(take(book).tokens for _ in range(CAPACITY // LOT)) == CAPACITY - 1


def test_after_a_clock_that_was_a_day_ahead_a_host_is_asked_again(book: Book) -> None:
    book.now_ms += 86_400_000
    while take(book).tokens:
        pass
    book.database.do(lambda session: host_rows.note_failure(session, HOST, "it is silent", book.now_ms))
    book.now_ms -= 86_400_000
    assert take(book).tokens == 0
    book.now_ms += LOT * 1000 // TOKENS_A_SECOND
    assert take(book).tokens == LOT


@pytest.mark.xdist_group("postgres")
def test_a_worker_that_froze_within_a_transaction_holds_nobody_up(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_store, "FROZEN_TIMEOUT_MS", 200)
    book = Book(open_database(postgres_url))
    account = running(book, 1)
    frozen = postgres_store.PostgresSession(postgres_url)
    host_rows.enter(frozen, account.id, HOST, book.now_ms, RUNS_AT_ONCE)
    assert enter(book, account).tokens
    with pytest.raises(StoreUnavailable):
        frozen.commit()
    frozen.close()
    book.database.close()
