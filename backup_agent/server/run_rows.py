"""What runs came to, in the database: of each account the last one and the last good one, and for the
operator all of the last weeks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from backup_agent.server.account import MAX_REASON_CHARS, Account, RunNote
from clock_service.session import Session

KEPT_MS = 30 * 86_400_000
MAX_FORGOTTEN = 10_000


class RunRow(NamedTuple):
    """A run, as the operator sees it. started, ended: milliseconds since 1970. bytes: written."""

    space: str
    did: str
    host: str | None
    worker: str
    started: int
    ended: int
    result: str
    reason: str
    bytes: int


def add(session: Session, account: Account, worker: str, note: RunNote) -> None:
    """The last run of the account."""
    session.run("UPDATE agent_account SET last_run = ? WHERE id = ?", (note.encode(), account.id))
    if note.is_good:
        sql = "UPDATE agent_account SET last_good = ?, good_at = ? WHERE id = ?"
        session.run(sql, (note.encode(), note.ended, account.id))
    row = (account.space, account.did, account.host, worker, note.started, note.ended)
    session.run(
        "INSERT INTO agent_run (space, did, host, worker, started, ended, result, reason, bytes)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*row, note.result.value, note.reason[:MAX_REASON_CHARS], note.written_bytes),
    )


def newest(session: Session, limit: int) -> Sequence[RunRow]:
    """The newest first."""
    sql = (
        "SELECT space, did, host, worker, started, ended, result, reason, bytes FROM agent_run"
        " ORDER BY id DESC LIMIT ?"
    )
    return [RunRow(*row) for row in session.rows(sql, (limit,))]


def forget(session: Session, now_ms: int) -> int:
    """Delete what ended KEPT_MS ago or earlier, MAX_FORGOTTEN at most; how many."""
    return session.run(
        "DELETE FROM agent_run WHERE id IN (SELECT id FROM agent_run WHERE ended < ? LIMIT ?)",
        (now_ms - KEPT_MS, MAX_FORGOTTEN),
    )
