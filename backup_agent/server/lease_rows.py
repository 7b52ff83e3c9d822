"""Who runs an account: taken, asked about before each visible write, and given back, in the database.

One lease for each account, whichever line its job stood in. It is worth something while the worker
that holds it is not declared dead, and goes over to the next job after that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from backup_agent.server import account_rows
from backup_agent.server.account import Account
from backup_agent.server.errors import LeaseLost, NoLongerAllowed
from backup_agent.server.revocation_rows import find_revoked
from backup_agent.server.schedule import State
from clock_service.session import Session
from ucan import Delegation


class Lease(NamedTuple):
    """`worker` runs the account `account` (its number) by the job `job`."""

    account: int
    worker: str
    job: str


class Taken(NamedTuple):
    """The account as it was before; is_orphan: its worker before died over it."""

    account: Account
    is_orphan: bool


def take(session: Session, lease: Lease, now_ms: int) -> Taken | None:
    """The account, held by `lease` from now on. None if another live worker or job has it, it is gone,
    or is not active; if another has it, that one is told that one more run is wanted. A worker that is
    dead, or not yet known, does no job: the account is due again, for others.
    """
    if not _is_alive(session, lease.worker):
        account_rows.fall_back(session, lease.account, lease.job, now_ms)
        return None
    account = account_rows.load(session, lease.account, lock=True)
    if account is None or account.state is not State.ACTIVE:
        session.run("UPDATE agent_account SET is_wanted = 0 WHERE id = ?", (lease.account,))
        return None
    if account.worker is not None and _is_alive(session, account.worker):
        session.run("UPDATE agent_account SET is_wanted = 1 WHERE id = ?", (lease.account,))
        return None
    is_orphan = account.worker is not None
    session.run(
        "UPDATE agent_account SET worker = ?, holder = ?, started = ?, is_wanted = 0, failures = ?"
        " WHERE id = ?",
        (lease.worker, lease.job, now_ms, account.failures + is_orphan, lease.account),
    )
    return Taken(account, is_orphan)


def check(session: Session, lease: Lease, chain: Sequence[Delegation]) -> None:
    """Return if `lease` may write now. Raises LeaseLost, NoLongerAllowed."""
    account = account_rows.load(session, lease.account)
    if account is None:
        raise NoLongerAllowed("the account was removed from the schedule")
    if (account.worker, account.holder) != (lease.worker, lease.job) or not _is_alive(session, lease.worker):
        raise LeaseLost
    if account.state is not State.ACTIVE:
        raise NoLongerAllowed(account.reason or f"the account is {account.state}")
    revoked = find_revoked(session, chain)
    if revoked is not None:
        raise NoLongerAllowed(f"the delegation {revoked} was revoked")


def give_back(session: Session, lease: Lease) -> Account | None:
    """The account, nobody's now; None if it was not this lease's any more."""
    account = account_rows.load(session, lease.account, lock=True)
    if account is None or (account.worker, account.holder) != (lease.worker, lease.job):
        return None
    session.run(
        "UPDATE agent_account SET worker = NULL, holder = NULL, started = NULL, is_wanted = 0 WHERE id = ?",
        (lease.account,),
    )
    return account


def _is_alive(session: Session, worker: str) -> bool:
    return bool(session.rows("SELECT 1 FROM agent_worker WHERE id = ? AND is_dead = 0", (worker,)))
