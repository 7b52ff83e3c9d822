"""One run of an account at a time, whoever asks; nothing is written by whoever has lost it."""

from __future__ import annotations

import pytest

from backup_agent.server import (
    account_rows,
    lease_rows,
    line_rows,
    revocation_rows,
    turn_rows,
    worker_rows,
)
from backup_agent.server.errors import LeaseLost, NoLongerAllowed
from backup_agent.server.lease_rows import Lease, Taken
from backup_agent.server.schedule import State
from tests.backup_agent.server.rows import SPACE, Book
from ucan import Capability, Delegation, Signer, delegate
from ucan.token import twin

OWNER = Signer.from_seed(b"owner".ljust(32, b"."))
SERVER = Signer.from_seed(b"server".ljust(32, b"."))
SECOND = Signer.from_seed(b"second".ljust(32, b"."))


def take(book: Book, lease: Lease) -> Taken | None:
    return book.database.do(lambda session: lease_rows.take(session, lease, book.now_ms))


def check(book: Book, lease: Lease, chain: list[Delegation] | None = None) -> None:
    book.database.do(lambda session: lease_rows.check(session, lease, chain or []))


def bury(book: Book, worker: str) -> None:
    book.database.do(lambda session: worker_rows.resign(session, worker))


def test_an_account_is_taken_by_one_job_alone(book: Book) -> None:
    account, a, b = book.add("did:plc:a"), book.worker("a"), book.worker("b")
    assert take(book, book.lease(account, a)) == Taken(account, False)
    assert take(book, book.lease(account, b)) is None
    assert take(book, book.lease(account, a, "another job")) is None
    check(book, book.lease(account, a))


def test_who_comes_second_leaves_word_that_one_more_run_is_wanted(book: Book) -> None:
    account, a = book.add("did:plc:a"), book.worker("a")
    take(book, book.lease(account, a))
    take(book, book.lease(account, a, "now"))
    back = book.database.do(lambda session: lease_rows.give_back(session, book.lease(account, a)))
    assert back is not None
    assert back.is_wanted
    assert not book.account(account.id).is_wanted


def test_a_dead_workers_account_goes_over_and_the_dead_may_not_write(book: Book) -> None:
    account, a, b = book.add("did:plc:a"), book.worker("a"), book.worker("b")
    take(book, book.lease(account, a))
    bury(book, a)
    with pytest.raises(LeaseLost):
        check(book, book.lease(account, a))
    taken = take(book, book.lease(account, b))
    assert taken is not None
    assert taken.is_orphan
    assert book.account(account.id).failures == 1
    check(book, book.lease(account, b))
    assert book.database.do(lambda session: lease_rows.give_back(session, book.lease(account, a))) is None


def test_what_is_left_of_an_earlier_job_of_the_same_worker_may_not_write(book: Book) -> None:
    account, a = book.add("did:plc:a"), book.worker("a")
    early, late = book.lease(account, a, "early"), book.lease(account, a, "late")
    take(book, early)
    book.database.do(lambda session: lease_rows.give_back(session, early))
    take(book, late)
    with pytest.raises(LeaseLost):
        check(book, early)
    assert book.database.do(lambda session: lease_rows.give_back(session, early)) is None
    check(book, late)


def test_a_dead_worker_takes_nothing(book: Book) -> None:
    account, a = book.add("did:plc:a"), book.worker("a")
    bury(book, a)
    assert take(book, book.lease(account, a)) is None


@pytest.mark.parametrize("name", ["dead", "never heard of"])
def test_what_such_a_worker_was_given_to_do_is_due_again(book: Book, name: str) -> None:
    account = book.add("did:plc:a")
    bury(book, book.worker("dead"))
    book.database.do(lambda session: line_rows.note_in_line(session, account, "job", book.now_ms))
    assert book.account(account.id).next_due > book.now_ms
    assert take(book, book.lease(account, name)) is None
    (due,) = book.database.do(lambda session: line_rows.due(session, book.now_ms, 5, 4))
    assert (due.id, due.job) == (account.id, None)


@pytest.mark.parametrize("state", [State.PAUSED, State.PARKED, State.ENDED])
def test_what_is_not_active_is_not_taken_and_stops_being_written(book: Book, state: State) -> None:
    account, a = book.add("did:plc:a"), book.worker("a")
    take(book, book.lease(account, a))
    book.database.do(lambda session: account_rows.set_state(session, account, state, "because"))
    with pytest.raises(NoLongerAllowed, match="because"):
        check(book, book.lease(account, a))
    bury(book, a)
    assert take(book, book.lease(account, book.worker("b"))) is None


def test_what_is_removed_stops_being_written(book: Book) -> None:
    account, a = book.add("did:plc:a"), book.worker("a")
    take(book, book.lease(account, a))
    book.database.do(lambda session: account_rows.remove(session, account))
    with pytest.raises(NoLongerAllowed, match="removed"):
        check(book, book.lease(account, a))


def chain() -> list[Delegation]:
    first = delegate(OWNER, SECOND.did, [Capability("clock/*", OWNER.did)], expires_at_unix=None)
    second = delegate(
        SECOND, SERVER.did, [Capability("clock/head", OWNER.did)], expires_at_unix=None, proofs=[first]
    )
    return revocation_rows.with_proofs([second])


def test_a_revocation_of_its_twin_stops_it_too(book: Book) -> None:
    account, a, links = book.add("did:plc:a"), book.worker("a"), chain()
    take(book, book.lease(account, a))
    other = twin(links[0].ucan)
    assert other is not None
    book.database.do(lambda session: revocation_rows.revoke(session, other, links[0].issuer))
    with pytest.raises(NoLongerAllowed, match="revoked"):
        check(book, book.lease(account, a), links)


@pytest.mark.parametrize("link", [0, 1], ids=["the delegation", "its proof"])
def test_a_revocation_anywhere_in_the_chain_stops_the_run(book: Book, link: int) -> None:
    account, a, links = book.add("did:plc:a"), book.worker("a"), chain()
    take(book, book.lease(account, a))
    check(book, book.lease(account, a), links)
    revoked = links[link]
    book.database.do(lambda session: revocation_rows.revoke(session, revoked.cid, revoked.issuer))
    with pytest.raises(NoLongerAllowed, match=str(revoked.cid)):
        check(book, book.lease(account, a), links)


def test_a_strangers_revocation_stops_nothing(book: Book) -> None:
    account, a, links = book.add("did:plc:a"), book.worker("a"), chain()
    take(book, book.lease(account, a))
    book.database.do(lambda session: revocation_rows.revoke(session, links[0].cid, "did:key:z6MkStranger"))
    check(book, book.lease(account, a), links)


def test_one_run_of_a_space_writes_its_head_at_a_time(book: Book) -> None:
    first, second = book.add("did:plc:a"), book.add("did:plc:b")
    a, b = book.lease(first, book.worker("a"), "1"), book.lease(second, book.worker("b"), "2")

    def turn(lease: Lease) -> bool:
        return book.database.do(lambda session: turn_rows.take(session, SPACE, lease))

    assert turn(a)
    assert turn(a)
    assert not turn(b)
    book.database.do(lambda session: turn_rows.give_back(session, SPACE, a))
    assert turn(b)
    bury(book, "b")
    assert turn(a)
