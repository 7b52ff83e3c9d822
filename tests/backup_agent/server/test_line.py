"""Who is due, and in what order. On both databases."""

from __future__ import annotations

from backup_agent.server import account_rows, host_rows, lease_rows, line_rows
from backup_agent.server.account import Account
from backup_agent.server.schedule import State
from tests.backup_agent.server.rows import NOW_MS, Book

HOUR_MS = 3_600_000


def due(book: Book, limit: int = 100) -> list[str]:
    return [
        each.did for each in book.database.do(lambda session: line_rows.due(session, book.now_ms, limit, 2))
    ]


def test_due_is_whose_time_has_come(book: Book) -> None:
    book.add("did:plc:past", due_ms=NOW_MS - 1)
    book.add("did:plc:now")
    book.add("did:plc:future", due_ms=NOW_MS + 1)
    assert due(book) == ["did:plc:past", "did:plc:now"]


def test_a_space_of_many_does_not_keep_one_of_few_waiting(book: Book) -> None:
    for number in range(10):
        book.add(f"did:plc:many{number}", space="did:key:z6MkMany", due_ms=NOW_MS - 1000)
    book.add("did:plc:lone", space="did:key:z6MkFew")
    assert due(book, 2) == ["did:plc:many0", "did:plc:lone"]


def test_what_is_not_active_is_not_due(book: Book) -> None:
    account = book.add("did:plc:a")
    book.database.do(lambda session: account_rows.set_state(session, account, State.PARKED, "why"))
    assert due(book) == []


def test_accounts_of_a_host_that_rests_are_not_due(book: Book) -> None:
    account = book.add("did:plc:a")
    worker = book.worker("w")
    book.database.do(
        lambda session: session.run("UPDATE agent_account SET worker = ? WHERE id = ?", (worker, account.id))
    )
    book.database.do(lambda session: host_rows.enter(session, account.id, "pds.example.com", NOW_MS, 2))
    book.database.do(lambda session: host_rows.note_failure(session, "pds.example.com", "silent", NOW_MS))
    assert due(book) == []
    book.now_ms += host_rows.FIRST_PAUSE_S * 1000
    assert due(book) == ["did:plc:a"]


def test_a_time_that_a_wrong_clock_put_far_ahead_is_due(book: Book) -> None:
    book.add("did:plc:a", every_s=3600, due_ms=NOW_MS + 24 * HOUR_MS)
    book.add("did:plc:b", every_s=3600, due_ms=NOW_MS + HOUR_MS)
    assert due(book) == ["did:plc:a"]


def test_two_tickers_put_a_slot_in_line_once(book: Book) -> None:
    account = book.add("did:plc:a")
    for job in ("first", "second"):
        book.database.do(lambda session, job=job: line_rows.note_in_line(session, account, job, NOW_MS))
    after = book.account(account.id)
    assert (after.slot, after.job) == (1, "first")
    assert NOW_MS < after.next_due <= NOW_MS + HOUR_MS


def next_slot(book: Book, account: Account) -> int:
    return book.database.do(lambda session: line_rows.next_slot(session, account))


def test_who_calls_now_a_thousand_times_stands_in_line_once(book: Book) -> None:
    account, worker = book.add("did:plc:a"), book.worker("w")
    assert {next_slot(book, account) for _ in range(3)} == {0}
    lease = book.lease(account, worker)
    book.database.do(lambda session: lease_rows.take(session, lease, book.now_ms))
    assert {next_slot(book, account) for _ in range(3)} == {1}  # once more, after the run that has begun


def test_a_call_that_found_the_account_paused_does_not_swallow_the_next(book: Book) -> None:
    account, worker = book.add("did:plc:a"), book.worker("w")
    lease = book.lease(account, worker)
    first = next_slot(book, account)
    book.database.do(lambda session: account_rows.set_state(session, account, State.PAUSED, "why"))
    assert book.database.do(lambda session: lease_rows.take(session, lease, book.now_ms)) is None
    assert next_slot(book, account) > first


def test_of_one_host_no_more_stand_in_line_than_may_run_at_once(book: Book) -> None:
    for number in range(5):
        book.add(f"did:plc:{number}")
    book.database.do(lambda session: session.run("UPDATE agent_account SET host = 'pds.example.com'"))
    book.add("did:plc:elsewhere")
    first = book.database.do(lambda session: line_rows.due(session, NOW_MS, 10, 2))
    assert [each.did for each in first] == ["did:plc:0", "did:plc:1", "did:plc:elsewhere"]
    book.database.do(lambda session: line_rows.note_in_line(session, first[0], "job", NOW_MS))
    second = book.database.do(lambda session: line_rows.due(session, NOW_MS, 10, 2))
    assert [each.did for each in second] == ["did:plc:1", "did:plc:elsewhere"]
