"""Who is due, and who stands in line, in the database.

The line is kept short: as many jobs as the workers can do in a while, so that an account that
becomes due later, of a space with few, need not stand behind thousands of another.
"""

from __future__ import annotations

from collections.abc import Sequence

from backup_agent.server.account import Account
from backup_agent.server.account_rows import FIELDS, account_of
from backup_agent.server.host_rows import LONGEST_REST_MS
from backup_agent.server.schedule import next_on_grid
from clock_service.session import Session

_DUE = f"""
    SELECT {FIELDS} FROM (
        SELECT a.*, COALESCE(b.busy, 0) AS busy,
            row_number() OVER (PARTITION BY a.space ORDER BY a.next_due, a.id) AS turn,
            row_number() OVER (PARTITION BY a.host ORDER BY a.next_due, a.id) AS nth
        FROM agent_account a
        LEFT JOIN agent_host h ON h.name = a.host
        LEFT JOIN (
            SELECT host, count(*) AS busy FROM agent_account
            WHERE host IS NOT NULL AND (job IS NOT NULL OR worker IS NOT NULL) GROUP BY host
        ) AS b ON b.host = a.host
        WHERE a.state = 'active'
        AND (a.next_due <= ? OR a.next_due > ? + 2000 * a.every_s)
        AND (h.not_before IS NULL OR h.not_before <= ? OR h.not_before > ? + {LONGEST_REST_MS})
    ) AS waiting
    WHERE host IS NULL OR job IS NOT NULL OR nth + busy <= ?
    ORDER BY turn, next_due, id LIMIT ?
"""  # noqa: S608 - names of ours


def due(session: Session, now_ms: int, limit: int, runs_at_once: int) -> list[Account]:
    """Active accounts whose time has come: of each space the longest waiting first, and of spaces turn by
    turn. Not those whose host is to be left in peace, or has `runs_at_once` already.

    A time further ahead than two periods is due too: the machine's clock was wrong when it was set.
    """
    rows = session.rows(_DUE, (now_ms, now_ms, now_ms, now_ms, runs_at_once, limit))
    return [account_of(row) for row in rows]


def note_in_line(session: Session, account: Account, job: str, now_ms: int) -> None:
    """`job` stands in line for this slot; the next is on the grid. A second ticker changes nothing."""
    schedule = account.schedule
    following = next_on_grid(account.space, schedule.account, schedule.every_s, now_ms)
    session.run(
        "UPDATE agent_account SET job = ?, slot = slot + 1, next_due = ? WHERE id = ? AND slot = ?",
        (job, following, account.id, account.slot),
    )


def postpone(session: Session, accounts: Sequence[Account], until_ms: int) -> None:
    """These have a job under way: look again at `until_ms`."""
    session.run_many(
        "UPDATE agent_account SET next_due = ? WHERE id = ? AND slot = ?",
        [(until_ms, each.id, each.slot) for each in accounts],
    )


def next_slot(session: Session, account: Account) -> int:
    """A number for one more job of the account, which somebody waits for, and no other job has."""
    session.run("UPDATE agent_account SET slot = slot + 1, is_wanted = 1 WHERE id = ?", (account.id,))
    rows = session.rows("SELECT slot - 1 FROM agent_account WHERE id = ?", (account.id,))
    return rows[0][0] if rows else account.slot


def in_line(session: Session) -> int:
    """Accounts that are due, by now."""
    return session.rows("SELECT count(*) FROM agent_account WHERE state = 'active' AND job IS NOT NULL")[0][0]
