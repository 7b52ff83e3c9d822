"""Who is alive, in the database, by the database's own clock."""

from __future__ import annotations

from typing import NamedTuple

from clock_service.session import Session

OF_LATE_MS = 3600 * 1000
FORGET_AFTER_MS = 7 * 86_400_000


class WorkerRow(NamedTuple):
    """seen, started: milliseconds since 1970. running: accounts it has now."""

    id: str
    seen: int
    started: int
    is_dead: bool
    running: int


def enlist(session: Session, worker: str, now_ms: int) -> None:
    """A new worker, alive."""
    session.run("INSERT INTO agent_worker VALUES (?, ?, ?, 0)", (worker, now_ms, now_ms))


def beat(session: Session, worker: str, now_ms: int) -> bool:
    """Say that `worker` is alive; False if it was declared dead."""
    sql = "UPDATE agent_worker SET seen = ? WHERE id = ? AND is_dead = 0"
    return session.run(sql, (now_ms, worker)) > 0


def bury(session: Session, now_ms: int, silent_ms: int) -> list[str]:
    """Declare dead all that were not seen for `silent_ms`; who has died of late, or still has accounts.

    Again and again: one that wakes up may still take a job from the line before it learns that it is dead.
    """
    session.run("UPDATE agent_worker SET is_dead = 1 WHERE is_dead = 0 AND seen <= ?", (now_ms - silent_ms,))
    session.run(
        "DELETE FROM agent_worker WHERE is_dead = 1 AND seen < ?"
        " AND id NOT IN (SELECT worker FROM agent_account WHERE worker IS NOT NULL)",
        (now_ms - FORGET_AFTER_MS,),
    )
    sql = (
        "SELECT id FROM agent_worker WHERE is_dead = 1 AND (seen > ?"
        " OR id IN (SELECT worker FROM agent_account WHERE worker IS NOT NULL)) ORDER BY id"
    )
    return [row[0] for row in session.rows(sql, (now_ms - OF_LATE_MS,))]


def bury_others(session: Session, worker: str) -> list[str]:
    """Declare dead all but `worker`: where only one process can be, they have ended."""
    session.run("UPDATE agent_worker SET is_dead = 1 WHERE is_dead = 0 AND id <> ?", (worker,))
    return [row[0] for row in session.rows("SELECT id FROM agent_worker WHERE is_dead = 1 ORDER BY id")]


def resign(session: Session, worker: str) -> None:
    """`worker` ends of its own will: others need not wait until it is missed."""
    session.run("UPDATE agent_worker SET is_dead = 1 WHERE id = ?", (worker,))


def all_workers(session: Session, limit: int) -> list[WorkerRow]:
    """The newest first."""
    sql = (
        "SELECT w.id, w.seen, w.started, w.is_dead, count(a.id) FROM agent_worker w"
        " LEFT JOIN agent_account a ON a.worker = w.id"
        " GROUP BY w.id, w.seen, w.started, w.is_dead ORDER BY w.started DESC, w.id LIMIT ?"
    )
    return [
        WorkerRow(id, seen, started, bool(is_dead), running)
        for id, seen, started, is_dead, running in session.rows(sql, (limit,))
    ]
