"""Politeness towards hosts, shared by all workers: how many runs at once, how many requests, from when.

A token is one request. Workers take tokens in lots, so that a large account costs the database a
transaction for every LOT requests and not for each.
"""

from __future__ import annotations

from typing import NamedTuple

from clock_service.session import Session

RUNS_AT_ONCE = 4
"""Of all workers together; the operator may choose another number."""

CAPACITY = 500
TOKENS_A_SECOND = 8
"""A reference PDS allows 3,000 requests in 300 s from one address."""

FIRST_LOT = 4
"""What an account takes in which little has changed."""

LOT = 25
RETRY_BUSY_S = 15
FIRST_PAUSE_S = 30
MAX_PAUSE_S = 3600

LONGEST_REST_MS = 86_400_000
"""A rest of more than that was noted by a machine whose clock was wrong: it is none."""


class Leave(NamedTuple):
    """tokens: requests that may be made now. wait_ms: until it is worth asking again, if there are none.

    why: in words, if there are none.
    """

    tokens: int
    wait_ms: int = 0
    why: str = ""


class HostRow(NamedTuple):
    """not_before: milliseconds since 1970. filled: when `tokens` was right."""

    name: str
    not_before: int
    failures: int
    why: str
    tokens: int
    filled: int


def enter(session: Session, account: int, host: str, now_ms: int, runs_at_once: int) -> Leave:
    """Leave for a run of the account, which has its lease, to begin at `host`; and the first tokens."""
    row = _lock(session, host, now_ms)
    if row.not_before > now_ms:
        return Leave(0, row.not_before - now_ms, row.why)
    session.run("UPDATE agent_account SET host = NULL WHERE id = ? AND worker IS NOT NULL", (account,))
    rows = session.rows(
        "SELECT count(*) FROM agent_account a JOIN agent_worker w ON w.id = a.worker"
        " WHERE a.host = ? AND w.is_dead = 0",
        (host,),
    )
    session.run("UPDATE agent_account SET host = ? WHERE id = ?", (host, account))
    if rows[0][0] >= runs_at_once:
        return Leave(0, RETRY_BUSY_S * 1000, f"{host} is busy with {runs_at_once} other accounts")
    return _take(session, row, FIRST_LOT, now_ms)


def take_tokens(session: Session, host: str, now_ms: int) -> Leave:
    """Leave for some more requests."""
    row = _lock(session, host, now_ms)
    if row.not_before > now_ms:
        return Leave(0, row.not_before - now_ms, row.why)
    return _take(session, row, LOT, now_ms)


def give_back(session: Session, host: str, tokens: int) -> None:
    """Requests that were not made after all."""
    session.run("UPDATE agent_host SET tokens = tokens + ? WHERE name = ?", (tokens, host))


def pause(session: Session, host: str, until_ms: int, why: str, now_ms: int) -> None:
    """Nobody asks `host` before `until_ms`."""
    row = _lock(session, host, now_ms)
    until_ms = min(until_ms, now_ms + LONGEST_REST_MS)
    if until_ms > row.not_before:
        sql = "UPDATE agent_host SET not_before = ?, why = ? WHERE name = ?"
        session.run(sql, (until_ms, why[:200], host))


def note_failure(session: Session, host: str, why: str, now_ms: int) -> None:
    """`host` did not answer as a host should: its accounts wait, longer each time."""
    row = _lock(session, host, now_ms)
    if row.not_before > now_ms:
        return  # another run met the same failure
    session.run("UPDATE agent_host SET failures = ? WHERE name = ?", (row.failures + 1, host))
    pause_s = min(FIRST_PAUSE_S * 2 ** min(row.failures, 16), MAX_PAUSE_S)
    pause(session, host, now_ms + pause_s * 1000, why, now_ms)


def note_success(session: Session, host: str) -> None:
    sql = "UPDATE agent_host SET failures = 0, not_before = 0, why = '' WHERE name = ? AND failures > 0"
    session.run(sql, (host,))


def all_hosts(session: Session, limit: int) -> list[HostRow]:
    """By name."""
    sql = "SELECT name, not_before, failures, why, tokens, filled FROM agent_host ORDER BY name LIMIT ?"
    return [HostRow(*row) for row in session.rows(sql, (limit,))]


def _take(session: Session, row: HostRow, lot: int, now_ms: int) -> Leave:
    gained = max(0, now_ms - row.filled) * TOKENS_A_SECOND // 1000
    filled = row.filled + gained * 1000 // TOKENS_A_SECOND if gained else row.filled
    tokens = min(CAPACITY, row.tokens + gained)
    taken = min(lot, tokens)
    sql = "UPDATE agent_host SET tokens = ?, filled = ? WHERE name = ?"
    session.run(sql, (tokens - taken, filled, row.name))
    if taken:
        return Leave(taken)
    return Leave(0, lot * 1000 // TOKENS_A_SECOND, f"{row.name} was asked as often as is polite")


def _lock(session: Session, host: str, now_ms: int) -> HostRow:
    session.run(
        "INSERT INTO agent_host VALUES (?, 0, 0, '', ?, ?) ON CONFLICT (name) DO NOTHING",
        (host, CAPACITY, now_ms),
    )
    sql = "SELECT name, not_before, failures, why, tokens, filled FROM agent_host WHERE name = ?"
    row = HostRow(*session.rows(sql + session.row_lock, (host,))[0])
    if row.not_before > now_ms + LONGEST_REST_MS:
        row = row._replace(not_before=0)
    return row._replace(filled=min(row.filled, now_ms))  # a clock that went back fills from now on
