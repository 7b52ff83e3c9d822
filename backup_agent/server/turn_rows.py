"""Whose turn it is to write the server's head object of a space: one run at a time, on whichever machine.

All workers sign as one agent, and an agent's head object has one writer (spec/space.md). The turn is
a row and not an open transaction, since writing to a bucket takes its time.
"""

from __future__ import annotations

from backup_agent.server.lease_rows import Lease
from backup_agent.server.limits import add_space
from clock_service.session import Session


def take(session: Session, space: str, lease: Lease) -> bool:
    """Whether the turn is this lease's now: nobody had it, or a worker that is dead."""
    add_space(session, space)
    changed = session.run(
        "UPDATE agent_space SET worker = ?, holder = ? WHERE space = ? AND (worker IS NULL OR holder = ?"
        " OR worker NOT IN (SELECT id FROM agent_worker WHERE is_dead = 0))",
        (lease.worker, lease.job, space, lease.job),
    )
    return changed > 0


def give_back(session: Session, space: str, lease: Lease) -> None:
    session.run(
        "UPDATE agent_space SET worker = NULL, holder = NULL WHERE space = ? AND worker = ? AND holder = ?",
        (space, lease.worker, lease.job),
    )
