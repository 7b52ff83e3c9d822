"""What of the workers one space, one place and one clock may hold. On both databases."""

from __future__ import annotations

import pytest

from backup_agent.server import lease_rows, line_rows, share_rows, worker_rows
from backup_agent.server.account import Account
from backup_agent.server.errors import Wait
from backup_agent.server.share_rows import OF_DOMAIN, OF_SPACE, domain_of
from tests.backup_agent.server.rows import NOW_MS, Book

SLOW = "did:key:z6MkSlow"


def at(book: Book, account: Account, place: str | None, clock: str | None = None) -> Account:
    book.database.do(lambda session: share_rows.note(session, account.id, place, clock))
    return account


def begin(book: Book, account: Account, worker: str) -> bool:
    """Whether a run of `account`, by whatever job, may begin."""
    lease = book.lease(account, worker, f"job {account.id}")
    book.database.do(lambda session: lease_rows.take(session, lease, book.now_ms))
    book.now_ms += 1
    try:
        book.database.do(lambda session: share_rows.check(session, account.id))
    except Wait:
        book.database.do(lambda session: lease_rows.give_back(session, lease))
        return False
    return True


def due(book: Book) -> list[str]:
    return [each.did for each in book.database.do(lambda session: line_rows.due(session, NOW_MS, 100, 4))]


def test_a_space_has_half_of_a_worker_whatever_asked_for_its_runs(book: Book) -> None:
    worker = book.worker("w")
    accounts = [book.add(f"did:plc:{number}", space=SLOW) for number in range(OF_SPACE + 1)]
    assert [begin(book, each, worker) for each in accounts] == [True] * OF_SPACE + [False]
    assert begin(book, book.add("did:plc:other", space="did:key:z6MkOther"), worker)
    assert begin(book, accounts[-1], book.worker("second"))


def test_what_the_dead_had_begun_takes_nobodys_share(book: Book) -> None:
    dead = book.worker("dead")
    for number in range(OF_SPACE):
        assert begin(book, book.add(f"did:plc:{number}", space=SLOW), dead)
    book.database.do(lambda session: worker_rows.resign(session, dead))
    assert begin(book, book.add("did:plc:next", space=SLOW), book.worker("w"))


def test_a_place_or_a_clock_of_many_spaces_has_three_quarters(book: Book) -> None:
    worker = book.worker("w")
    slow = [
        at(book, book.add(f"did:plc:{n}", space=f"did:key:{n}"), "slow.example", "slow.clock")
        for n in range(OF_DOMAIN)
    ]
    assert all(begin(book, each, worker) for each in slow)
    assert not begin(book, at(book, book.add("did:plc:place"), "slow.example"), worker)
    assert not begin(book, at(book, book.add("did:plc:clock"), None, "slow.clock"), worker)
    assert begin(book, at(book, book.add("did:plc:free"), "other.example", "other.clock"), worker)


def test_of_a_space_no_more_stand_in_line_than_may_run(book: Book) -> None:
    accounts = [book.add(f"did:plc:{number}", space=SLOW, due_ms=NOW_MS - 9) for number in range(10)]
    book.add("did:plc:other", space="did:key:z6MkOther")
    assert len(due(book)) == OF_SPACE + 1
    for each in accounts[:OF_SPACE]:
        book.database.do(lambda session, each=each: line_rows.note_in_line(session, each, "job", NOW_MS))
    assert due(book) == ["did:plc:other"]


def test_nobody_waits_behind_those_who_wait_for_a_slow_place(book: Book) -> None:
    worker = book.worker("w")
    for number in range(OF_DOMAIN):
        account = at(book, book.add(f"did:plc:{number}", space=f"did:key:{number}"), "slow.example")
        assert begin(book, account, worker)
        book.database.do(
            lambda session, account=account: line_rows.note_in_line(session, account, "job", NOW_MS)
        )
    for number in range(5):
        at(book, book.add(f"did:plc:late{number}", space=SLOW, due_ms=NOW_MS - 9), "slow.example")
    at(book, book.add("did:plc:quick", space=SLOW, due_ms=NOW_MS), "quick.example")
    assert due(book) == ["did:plc:quick"]


@pytest.mark.parametrize(
    ("url", "domain"),
    [
        ("https://a.b.example.com/did:key:z6Mk", "example.com"),
        ("https://example.com.:8443", "example.com"),
        ("http://127.0.0.1:9", "127.0.0.1"),
        ("http://localhost:9", "localhost"),
        ("file:///srv/space", None),
    ],
)
def test_a_domain_is_counted_however_many_names_are_in_it(url: str, domain: str | None) -> None:
    assert domain_of(url) == domain
