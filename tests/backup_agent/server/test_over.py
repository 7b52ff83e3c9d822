"""What has ended: it comes back when time says so, and is forgotten in the end. On both databases."""

from __future__ import annotations

import pytest

from backup_agent.server import account_rows, host_rows, limits, over_rows, revocation_rows
from backup_agent.server.account import Account
from backup_agent.server.over_rows import DAY_MS, FORGET_AFTER_MS, RETRY_PARKED_MS, UNUSED_MS
from backup_agent.server.schedule import State
from tests.backup_agent.server.rows import NOW_MS, SPACE, Book
from tests.backup_agent.server.test_leases import OWNER, SERVER
from ucan import Capability, delegate


def sweep(book: Book, now_ms: int) -> None:
    book.database.do(lambda session: over_rows.revive(session, now_ms))
    book.database.do(lambda session: over_rows.forget(session, now_ms))


def set_state(book: Book, account: Account, state: State, reason: str = "") -> None:
    book.database.do(lambda session: account_rows.set_state(session, account, state, reason))


def test_what_a_clock_that_was_ahead_took_for_ended_goes_on(book: Book) -> None:
    account = book.add("did:plc:a")  # delegated for a day
    year_ms = 365 * DAY_MS
    set_state(book, account, State.LAPSED, "a delegation has ended")
    sweep(book, NOW_MS + year_ms)
    assert book.account(account.id).state is State.LAPSED
    sweep(book, NOW_MS)
    back = book.account(account.id)
    assert (back.state, back.reason, back.next_due) == (State.ACTIVE, "", NOW_MS)
    sweep(book, NOW_MS + FORGET_AFTER_MS - 1)
    assert book.account(account.id).id == account.id


def test_what_its_owner_ended_does_not_come_back(book: Book) -> None:
    account = book.add("did:plc:a")
    set_state(book, account, State.ENDED, "it was revoked")
    sweep(book, NOW_MS)
    assert book.account(account.id).state is State.ENDED


def test_a_schedule_past_its_own_end_does_not_come_back(book: Book) -> None:
    account = book.add("did:plc:a")
    set_state(book, account, State.LAPSED)
    until = "UPDATE agent_account SET until_s = ? WHERE id = ?"
    book.database.do(lambda session: session.run(until, (NOW_MS // 1000 - 1, account.id)))
    sweep(book, NOW_MS)
    assert book.account(account.id).state is State.LAPSED


@pytest.mark.parametrize("state", [State.ENDED, State.LAPSED, State.PAUSED])
def test_what_has_been_over_for_long_is_forgotten_with_all_that_it_held(book: Book, state: State) -> None:
    gone, kept = book.add("did:plc:gone"), book.add("did:plc:kept", space="did:key:z6MkKept")
    held = delegate(OWNER, SERVER.did, [Capability("clock/head", OWNER.did)], expires_at_unix=None)
    book.database.do(lambda session: revocation_rows.store(session, gone.id, [held]))
    book.database.do(lambda session: limits.add_space(session, SPACE))
    far = "UPDATE agent_account SET expires_s = expires_s + 1000000000 WHERE id = ?"
    book.database.do(lambda session: session.run(far, (kept.id,)))
    set_state(book, gone, state)
    over = NOW_MS + DAY_MS
    sweep(book, over)
    sweep(book, over + FORGET_AFTER_MS)
    assert book.account(gone.id)
    sweep(book, over + FORGET_AFTER_MS + 1)
    assert book.database.do(lambda session: account_rows.load(session, gone.id)) is None
    assert book.database.do(lambda session: revocation_rows.load(session, gone.id)) == []
    assert book.database.do(lambda session: session.rows("SELECT space FROM agent_space")) == []
    assert book.account(kept.id)


def test_what_is_being_run_is_not_forgotten_under_it(book: Book) -> None:
    account = book.add("did:plc:a")
    set_state(book, account, State.ENDED)
    book.database.do(lambda session: session.run("UPDATE agent_account SET worker = 'w'"))
    sweep(book, NOW_MS)
    sweep(book, NOW_MS + FORGET_AFTER_MS + 1)
    assert book.account(account.id)


def test_what_was_scheduled_anew_begins_to_count_anew(book: Book) -> None:
    account = book.add("did:plc:a")
    set_state(book, account, State.ENDED)
    sweep(book, NOW_MS)
    book.database.do(
        lambda session: account_rows.replace(
            session, account, account.schedule, expires_s=NOW_MS // 1000 + 10**9, next_due=NOW_MS
        )
    )
    sweep(book, NOW_MS + FORGET_AFTER_MS + 1)
    set_state(book, account, State.ENDED)
    sweep(book, NOW_MS + FORGET_AFTER_MS + 2)
    assert book.account(account.id).state is State.ENDED


def test_what_is_parked_is_tried_again_once_a_week(book: Book) -> None:
    account = book.add("did:plc:a")
    set_state(book, account, State.PARKED, "8 runs failed")
    sweep(book, NOW_MS + RETRY_PARKED_MS)
    assert book.account(account.id).state is State.PARKED
    sweep(book, NOW_MS + RETRY_PARKED_MS + 1)
    back = book.account(account.id)
    assert (back.state, back.reason) == (State.ACTIVE, "8 runs failed")


def test_hosts_that_nobody_needs_are_forgotten(book: Book) -> None:
    book.database.do(lambda session: host_rows.take_tokens(session, "pds.example.com", NOW_MS))
    sweep(book, NOW_MS + UNUSED_MS)
    assert book.database.do(lambda session: host_rows.all_hosts(session, 9))
    sweep(book, NOW_MS + UNUSED_MS + 1)
    assert book.database.do(lambda session: host_rows.all_hosts(session, 9)) == []
