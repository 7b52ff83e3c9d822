"""Who is due, and who stands in line, in the database.

The line is kept short: as many jobs as the workers can do in a while, so that an account that
becomes due later, of a space with few, need not stand behind thousands of another.
"""

from __future__ import annotations

from collections.abc import Sequence

from backup_agent.server import share_rows
from backup_agent.server.account import Account
from backup_agent.server.account_rows import FIELDS, account_of
from backup_agent.server.host_rows import LONGEST_REST_MS
from backup_agent.server.schedule import next_on_grid
from clock_service.session import Session

_BUSY = """
    (
        SELECT {group}, count(*) AS busy FROM under_way WHERE {group} IS NOT NULL GROUP BY {group}
    ) AS {name} ON {name}.{group} = a.{group}
"""
_NTH = "row_number() OVER (PARTITION BY a.{group}, a.job IS NULL ORDER BY a.next_due, a.id)"

_DUE = f"""
    WITH under_way AS MATERIALIZED (
        SELECT space, host, place_domain, clock_domain FROM agent_account
        WHERE job IS NOT NULL OR worker IS NOT NULL
    )
    SELECT {FIELDS} FROM (
        SELECT open.*, row_number() OVER (PARTITION BY space, job IS NULL ORDER BY next_due, id) AS turn
        FROM (
            SELECT a.*, COALESCE(at_host.busy, 0) AS at_host, COALESCE(of_space.busy, 0) AS of_space,
                COALESCE(at_place.busy, 0) AS at_place, COALESCE(at_clock.busy, 0) AS at_clock,
                {_NTH.format(group="host")} AS nth_at_host,
                {_NTH.format(group="place_domain")} AS nth_at_place,
                {_NTH.format(group="clock_domain")} AS nth_at_clock
            FROM agent_account a
            LEFT JOIN agent_host h ON h.name = a.host
            LEFT JOIN {_BUSY.format(group="host", name="at_host")}
            LEFT JOIN {_BUSY.format(group="space", name="of_space")}
            LEFT JOIN {_BUSY.format(group="place_domain", name="at_place")}
            LEFT JOIN {_BUSY.format(group="clock_domain", name="at_clock")}
            WHERE a.state = 'active'
            AND (a.next_due <= ? OR a.next_due > ? + 2000 * a.every_s)
            AND (h.not_before IS NULL OR h.not_before <= ? OR h.not_before > ? + {LONGEST_REST_MS})
            AND (a.job IS NOT NULL OR (
                COALESCE(of_space.busy, 0) < ? AND COALESCE(at_host.busy, 0) < ?
                AND COALESCE(at_place.busy, 0) < ? AND COALESCE(at_clock.busy, 0) < ?
            ))
        ) AS open
        WHERE job IS NOT NULL OR (
            (host IS NULL OR nth_at_host + at_host <= ?)
            AND (place_domain IS NULL OR nth_at_place + at_place <= ?)
            AND (clock_domain IS NULL OR nth_at_clock + at_clock <= ?)
        )
    ) AS ready
    WHERE job IS NOT NULL OR turn + of_space <= ?
    ORDER BY turn, next_due, id LIMIT ?
"""  # noqa: S608 - names of ours
"""What is full is left out before the rest is counted, so that nobody waits behind those who wait for it."""


def due(session: Session, now_ms: int, limit: int, runs_at_once: int) -> list[Account]:
    """Active accounts whose time has come: of each space the longest waiting first, and of spaces turn by
    turn. Not those whose host is to be left in peace or has `runs_at_once` already, nor those whose space,
    place or clock has its share of the workers (`share_rows`).

    A time further ahead than two periods is due too: the machine's clock was wrong when it was set.
    """
    of_space, at_domain = share_rows.most(session)
    elsewhere = (runs_at_once, at_domain, at_domain)
    most = (of_space, *elsewhere, *elsewhere, of_space)
    rows = session.rows(_DUE, (now_ms, now_ms, now_ms, now_ms, *most, limit))
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
    """The number of one more job of the account, which somebody waits for. It is the same until that job is
    begun: whoever asks a thousand times stands in line once.
    """
    sql = "UPDATE agent_account SET slot = slot + 1, is_wanted = 1 WHERE id = ? AND is_wanted = 0"
    session.run(sql, (account.id,))
    rows = session.rows("SELECT slot - 1 FROM agent_account WHERE id = ?", (account.id,))
    return rows[0][0] if rows else account.slot


def in_line(session: Session) -> int:
    """Accounts that are due, by now."""
    return session.rows("SELECT count(*) FROM agent_account WHERE state = 'active' AND job IS NOT NULL")[0][0]
