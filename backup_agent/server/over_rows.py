"""What is over in the database: taken up again where time says so, and forgotten in the end.

A clock that jumps ahead must cost nothing that it does not give back: what it takes for ended is noted
as over only then, by the same clock, and comes back when the clock does.
"""

from __future__ import annotations

from clock_service.session import Session

DAY_MS = 86_400_000
FORGET_AFTER_MS = 90 * DAY_MS
UNUSED_MS = 30 * DAY_MS
RETRY_PARKED_MS = 7 * DAY_MS
MAX_FORGOTTEN = 1000

_IS_OVER = "(state IN ('ended', 'lapsed') OR expires_s <= ?)"


def revive(session: Session, now_ms: int) -> int:
    """Make active what lapsed and by this time has not, and what was parked a week ago; how many."""
    now_s = now_ms // 1000
    lapsed = session.run(
        "UPDATE agent_account SET state = 'active', reason = '', next_due = ? WHERE state = 'lapsed'"
        " AND expires_s > ? AND (until_s IS NULL OR until_s > ?)",
        (now_ms, now_s, now_s),
    )
    parked = session.run(
        "UPDATE agent_account SET state = 'active', next_due = ? WHERE state = 'parked' AND next_due < ?",
        (now_ms, now_ms - RETRY_PARKED_MS),
    )
    return lapsed + parked


def forget(session: Session, now_ms: int) -> int:
    """Delete accounts that have been over for FORGET_AFTER_MS, with all that was delegated for them, and
    spaces and hosts that no account has and nobody used for UNUSED_MS. How many accounts; MAX_FORGOTTEN
    at most.
    """
    now_s = now_ms // 1000
    session.run(
        f"UPDATE agent_account SET over_since = ? WHERE {_IS_OVER}"  # noqa: S608
        " AND (over_since IS NULL OR over_since > ?)",
        (now_ms, now_s, now_ms),
    )
    session.run(
        f"UPDATE agent_account SET over_since = NULL WHERE NOT {_IS_OVER} AND over_since IS NOT NULL",  # noqa: S608
        (now_s,),
    )
    rows = session.rows(
        "SELECT id FROM agent_account WHERE over_since < ? AND worker IS NULL LIMIT ?",
        (now_ms - FORGET_AFTER_MS, MAX_FORGOTTEN),
    )
    session.run_many("DELETE FROM agent_delegation WHERE account = ?", rows)
    session.run_many("DELETE FROM agent_account WHERE id = ?", rows)
    _forget_unused(session, now_ms - UNUSED_MS)
    return len(rows)


def _forget_unused(session: Session, before_ms: int) -> None:
    session.run(
        "DELETE FROM agent_space WHERE day < ? AND worker IS NULL"
        " AND NOT EXISTS (SELECT 1 FROM agent_account a WHERE a.space = agent_space.space)",
        (before_ms // DAY_MS,),
    )
    session.run(
        "DELETE FROM agent_host WHERE filled < ? AND not_before < ?"
        " AND NOT EXISTS (SELECT 1 FROM agent_account a WHERE a.host = agent_host.name)",
        (before_ms, before_ms),
    )
