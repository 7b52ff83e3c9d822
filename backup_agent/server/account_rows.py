"""The accounts in the database, read and written inside a transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from backup_agent.server.account import MAX_REASON_CHARS, Account, RunNote
from backup_agent.server.schedule import ClockOf, PlaceOf, Schedule, State
from clock_service.session import Row, Session

MAX_READ = 10_000
"""Accounts read at once."""

_SCHEDULE = "did, every_s, until_s, keep, place, sealed, provider, clock_url, clock_did"
_REST = (
    "state, reason, expires_s, host, next_due, slot, job, is_wanted, worker, holder, started, failures, "
    "last_run, last_good"
)
FIELDS = f"id, space, {_SCHEDULE}, {_REST}"


def add(session: Session, space: str, schedule: Schedule, *, expires_s: int, next_due: int) -> int:
    """The number of a new account, active. It must not be there."""
    session.run(
        f"INSERT INTO agent_account (space, {_SCHEDULE}, state, reason, expires_s, next_due, slot, is_wanted,"  # noqa: S608
        " failures, good_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '', ?, ?, 0, 0, 0, ?)",
        (space, *_columns(schedule), State.ACTIVE.value, expires_s, next_due, next_due),
    )
    found = find(session, space, schedule.account)
    assert found is not None
    return found.id


def replace(session: Session, account: Account, schedule: Schedule, *, expires_s: int, next_due: int) -> None:
    """Schedule it anew: active again unless its owner paused it."""
    sets = ", ".join(f"{name} = ?" for name in _SCHEDULE.split(", "))
    state = State.PAUSED if account.state is State.PAUSED else State.ACTIVE
    session.run(
        f"UPDATE agent_account SET {sets}, state = ?, reason = '', expires_s = ?, next_due = ?, failures = 0"  # noqa: S608
        " WHERE id = ?",
        (*_columns(schedule), state.value, expires_s, next_due, account.id),
    )


def find(session: Session, space: str, did: str, *, lock: bool = False) -> Account | None:
    """The account, its row locked until the transaction ends if `lock`."""
    rows = session.rows(
        f"SELECT {FIELDS} FROM agent_account WHERE space = ? AND did = ?{session.row_lock if lock else ''}",  # noqa: S608
        (space, did),
    )
    return account_of(rows[0]) if rows else None


def load(session: Session, number: int, *, lock: bool = False) -> Account | None:
    """The account of that number, as `find`."""
    rows = session.rows(
        f"SELECT {FIELDS} FROM agent_account WHERE id = ?{session.row_lock if lock else ''}",  # noqa: S608
        (number,),
    )
    return account_of(rows[0]) if rows else None


def of_space(session: Session, space: str) -> list[Account]:
    """All of a space, by DID."""
    sql = f"SELECT {FIELDS} FROM agent_account WHERE space = ? ORDER BY did LIMIT ?"  # noqa: S608
    return [account_of(row) for row in session.rows(sql, (space, MAX_READ))]


def worst(session: Session, limit: int) -> list[Account]:
    """Those in trouble first: parked and ended, then by failures."""
    sql = f"SELECT {FIELDS} FROM agent_account ORDER BY state = 'active', failures DESC, did LIMIT ?"  # noqa: S608
    return [account_of(row) for row in session.rows(sql, (limit,))]


def count(session: Session, space: str | None = None) -> int:
    """How many accounts there are, in all or of a space."""
    if space is None:
        return session.rows("SELECT count(*) FROM agent_account")[0][0]
    return session.rows("SELECT count(*) FROM agent_account WHERE space = ?", (space,))[0][0]


def set_state(session: Session, account: Account, state: State, reason: str = "") -> None:
    """The owner's word, or why the server stopped trying."""
    session.run(
        "UPDATE agent_account SET state = ?, reason = ? WHERE id = ?",
        (state.value, reason[:MAX_REASON_CHARS], account.id),
    )


def set_due(session: Session, account: Account, next_due: int, failures: int) -> None:
    session.run(
        "UPDATE agent_account SET next_due = ?, failures = ? WHERE id = ?", (next_due, failures, account.id)
    )


def leave_line(session: Session, number: int, job: str) -> None:
    """`job` is done, as far as the account is concerned."""
    session.run("UPDATE agent_account SET job = NULL WHERE id = ? AND job = ?", (number, job))


def fall_back(session: Session, number: int, job: str, now_ms: int) -> None:
    """`job`, of a slot or of somebody who waits, was not done and will not be: the account is due again."""
    session.run(
        "UPDATE agent_account SET job = CASE WHEN job = ? THEN NULL ELSE job END, next_due = ?"
        " WHERE id = ? AND next_due > ? AND (job = ? OR is_wanted = 1)",
        (job, now_ms, number, now_ms, job),
    )


def remove(session: Session, account: Account) -> None:
    """Forget it with its delegations; a job in line finds nothing."""
    session.run("DELETE FROM agent_delegation WHERE account = ?", (account.id,))
    session.run("DELETE FROM agent_account WHERE id = ?", (account.id,))


def _columns(schedule: Schedule) -> Sequence[Any]:
    clock = schedule.clock
    return (
        schedule.account,
        schedule.every_s,
        schedule.until_s,
        schedule.keep,
        schedule.place.url,
        schedule.place.sealed,
        schedule.place.provider,
        clock.url if clock else None,
        clock.did if clock else None,
    )


def account_of(row: Row) -> Account:
    number, space, did, every_s, until_s, keep, place, sealed, provider, clock_url, clock_did, *rest = row
    state, reason, expires_s, host, next_due, slot, job, is_wanted, *rest = rest
    worker, holder, started, failures, last, good = rest
    clock = ClockOf(clock_url, clock_did) if clock_url is not None else None
    return Account(
        id=number,
        space=space,
        schedule=Schedule(did, every_s, PlaceOf(place, sealed, provider), clock, until_s, keep),
        state=State(state),
        reason=reason,
        expires_s=expires_s,
        host=host,
        next_due=next_due,
        slot=slot,
        job=job,
        is_wanted=bool(is_wanted),
        worker=worker,
        holder=holder,
        started=started,
        failures=failures,
        last_run=None if last is None else RunNote.decode(last),
        last_good=None if good is None else RunNote.decode(good),
    )
