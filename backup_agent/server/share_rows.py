"""What of the workers one space, one domain of places and one domain of clocks may hold at once.

Without it a space whose place answers slowly would keep every worker for hours. Runs are counted in the
database, for all workers together and whatever asked for them. Domains are compared by their last two
labels, so that whoever has one has one share, however many names are in it.
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

from backup_agent.net.address import parse_address
from backup_agent.server.errors import Wait
from clock_service.session import Session

OF_SPACE = 4
OF_DOMAIN = 6
"""Runs at once for each live worker, which has 8 slots: half of them, and three quarters."""

RETRY_S = 15.0

_BEFORE = """
    SELECT count(CASE WHEN a.space = me.space THEN 1 END),
        count(CASE WHEN a.place_domain = me.place_domain THEN 1 END),
        count(CASE WHEN a.clock_domain = me.clock_domain THEN 1 END)
    FROM agent_account me, agent_account a JOIN agent_worker w ON w.id = a.worker
    WHERE me.id = ? AND a.worker IS NOT NULL AND w.is_dead = 0
    AND (a.started < me.started OR (a.started = me.started AND a.id < me.id))
"""


class Most(NamedTuple):
    """Runs at once in all workers: of a space, and at a domain of places or of clocks."""

    of_space: int
    at_domain: int


def most(session: Session) -> Most:
    """As many as the workers that are alive allow; of one at least."""
    workers = session.rows("SELECT count(*) FROM agent_worker WHERE is_dead = 0")[0][0]
    return Most(OF_SPACE * max(1, workers), OF_DOMAIN * max(1, workers))


def check(session: Session, account: int) -> None:
    """Return if the run of `account`, which has its lease, is within all shares; else the later one yields.

    Raises Wait.
    """
    allowed = most(session)
    of_space, at_place, at_clock = session.rows(_BEFORE, (account,))[0]
    if of_space >= allowed.of_space:
        raise Wait(f"{of_space} other accounts of the space are being backed up", RETRY_S)
    if max(at_place, at_clock) >= allowed.at_domain:
        what = "place" if at_place >= allowed.at_domain else "clock"
        raise Wait(f"the {what} is busy with {max(at_place, at_clock)} other accounts", RETRY_S)


def note(session: Session, account: int, place: str | None, clock: str | None) -> None:
    """Where `account` has its place and its clock: domains; None for a place on the operator's own disks."""
    sql = "UPDATE agent_account SET place_domain = ?, clock_domain = ? WHERE id = ?"
    session.run(sql, (place, clock, account))


def domain_of(url: str) -> str | None:
    """The last two labels of the URL's host, or its whole address; None if it has no host."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    if parse_address(host) is not None:
        return host
    return ".".join(host.split(".")[-2:]) or None
