"""A clock's rows: read, settled and written inside a transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from typing import Any

from clock_service.admission import Clock, Findings, Gathered, settle
from clock_service.errors import OverLimit
from clock_service.policy import Guard, Limits, Policy, Registration
from clock_service.session import Row, Session
from clock_service.store import (
    MAX_FOLLOWS,
    MAX_REGISTRATIONS_READ,
    MAX_REVOCATIONS_OF_OTHERS,
    MAX_REVOCATIONS_OF_OWNER,
    Follow,
    Known,
    Revocation,
    Revoked,
)
from pail import CID
from pail.event import Head

CID_BYTES = 36
"""Of an event: version, codec, hash, length and 32 bytes of digest."""

MAX_ASKED = 500
"""Parameters of one statement."""

_FIELDS = "space, head, is_registered, events_a_day, max_bytes, guard, events, bytes, day, events_today"


def advance(
    session: Session, *, space: str, offer: Gathered, findings: Findings, policy: Policy, day: int
) -> Head:
    """`Store.advance`. What refuses the event does so before anything is written."""
    found = _load(session, space, session.row_lock)
    if found is None:
        settle(Clock(space), (), offer, findings, policy, day)
        found = _make(session, space)
    number, clock = found
    kept = _kept(session, number, offer.named)
    settled = settle(clock, kept, offer, findings, policy, day)
    if settled.new:
        rows = [(number, bytes(cid), offer.events[cid]) for cid in settled.new]
        session.run_many("INSERT INTO event VALUES (?, ?, ?)", rows)
        _save(session, number, settled.clock)
    return settled.clock.head


def known(session: Session, *, space: str, events: Collection[CID]) -> Known:
    found = _load(session, space)
    if found is None:
        return Known(Clock(space), frozenset())
    return Known(found[1], _kept(session, found[0], events))


def blocks(session: Session, *, space: str, events: Sequence[CID]) -> dict[CID, bytes]:
    rows = session.rows("SELECT id FROM clock WHERE space = ?", (space,))
    if not rows:
        return {}
    sql = "SELECT cid, block FROM event WHERE clock = ? AND cid IN"
    return {CID(cid): block for cid, block in select_in(session, sql, events, rows[0][0])}


def register(session: Session, *, registration: Registration) -> None:
    number, _ = _load(session, registration.space, session.row_lock) or _make(session, registration.space)
    limits, guard = registration.limits, registration.guard
    session.run(
        "UPDATE clock SET is_registered = 1, events_a_day = ?, max_bytes = ?, guard = ? WHERE id = ?",
        (limits.events_a_day, limits.bytes, None if guard is None else guard.value, number),
    )


def unregister(session: Session, *, space: str) -> bool:
    sql = "UPDATE clock SET is_registered = 0 WHERE space = ? AND is_registered = 1"
    return session.run(sql, (space,)) > 0


def registrations(session: Session, *, after: str) -> list[Registration]:
    sql = (
        "SELECT space, events_a_day, max_bytes, guard FROM clock WHERE is_registered = 1 AND space > ? "
        "ORDER BY space LIMIT ?"
    )
    rows = session.rows(sql, (after, MAX_REGISTRATIONS_READ))
    return [
        Registration(space, Limits(events, size), None if guard is None else Guard(guard))
        for space, events, size, guard in rows
    ]


def revoke(session: Session, *, revocation: Revocation, revoked: Revoked, over_before: int) -> None:
    """`Store.revoke`; what ended before `over_before` is forgotten. One at a time of each space, or two
    processes that count at once would pass its limit.
    """
    space, expires = revoked
    if expires is not None and expires < over_before:
        return
    if _load(session, space, session.row_lock) is None:
        _make(session, space)
    is_owner = revocation.by == space
    limit = MAX_REVOCATIONS_OF_OWNER if is_owner else MAX_REVOCATIONS_OF_OTHERS
    sql = "SELECT count(*) FROM revocation WHERE space = ? AND (revoker = space) = (? = 1)"
    kept: int = session.rows(
        sql + " AND (expires_at_unix IS NULL OR expires_at_unix >= ?)", (space, int(is_owner), over_before)
    )[0][0]
    known = "SELECT 1 FROM revocation WHERE delegation = ? AND revoker = ?"
    row = (bytes(revocation.delegation), revocation.by)
    if kept >= limit and not session.rows(known, row):
        raise OverLimit(space, "revocations", limit, kept + 1)
    session.run("DELETE FROM revocation WHERE space = ? AND expires_at_unix < ?", (space, over_before))
    session.run(
        "INSERT INTO revocation (delegation, revoker, space, expires_at_unix) VALUES (?, ?, ?, ?) "
        "ON CONFLICT DO NOTHING",
        (*row, space, expires),
    )


def follow(session: Session, *, space: str, follow: Follow) -> bool:
    known = following(session, space=space)
    if follow in known:
        return True
    if len(known) >= MAX_FOLLOWS:
        return False
    session.run("INSERT INTO follow VALUES (?, ?, ?) ON CONFLICT DO NOTHING", (space, *follow))
    return True


def following(session: Session, *, space: str) -> list[Follow]:
    sql = "SELECT issuer, clock FROM follow WHERE space = ? ORDER BY issuer, clock"
    return [Follow(*row) for row in session.rows(sql, (space,))]


def select_in(session: Session, sql: str, cids: Collection[CID], *before: Any) -> Iterator[Row]:
    """The rows of `sql`, which ends with IN, for all of `cids`, MAX_ASKED at a time."""
    rest = iter(cids)
    while part := [bytes(cid) for cid in islice(rest, MAX_ASKED)]:
        marks = ", ".join("?" * len(part))
        yield from session.rows(f"{sql} ({marks})", (*before, *part))


def _kept(session: Session, number: int, events: Collection[CID]) -> frozenset[CID]:
    sql = "SELECT cid FROM event WHERE clock = ? AND cid IN"
    return frozenset(CID(cid) for (cid,) in select_in(session, sql, events, number))


def _load(session: Session, space: str, lock: str = "") -> tuple[int, Clock] | None:
    rows = session.rows(f"SELECT id, {_FIELDS} FROM clock WHERE space = ?{lock}", (space,))  # noqa: S608
    return (rows[0][0], _clock_of(rows[0][1:])) if rows else None


def _make(session: Session, space: str) -> tuple[int, Clock]:
    """The row of a clock that had none a moment ago; another process may have made it since."""
    session.run(
        f"INSERT INTO clock ({_FIELDS}) VALUES (?, ?, 0, NULL, NULL, NULL, 0, 0, 0, 0) "  # noqa: S608
        "ON CONFLICT (space) DO NOTHING",
        (space, b""),
    )
    found = _load(session, space, session.row_lock)
    assert found is not None
    return found


def _save(session: Session, number: int, clock: Clock) -> None:
    session.run(
        "UPDATE clock SET head = ?, events = ?, bytes = ?, day = ?, events_today = ? WHERE id = ?",
        (b"".join(clock.head), clock.events, clock.bytes, clock.day, clock.events_today, number),
    )


def _clock_of(row: Row) -> Clock:
    space, head, is_registered, events_a_day, max_bytes, guard, *used = row
    limits = None if events_a_day is None or not is_registered else Limits(events_a_day, max_bytes)
    return Clock(
        space,
        tuple(CID(head[at : at + CID_BYTES]) for at in range(0, len(head), CID_BYTES)),
        bool(is_registered),
        limits,
        None if guard is None else Guard(guard),
        *used,
    )
