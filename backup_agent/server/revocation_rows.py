"""Delegations and revocations in the database."""

from __future__ import annotations

from collections.abc import Sequence

from clock_service.clock_rows import select_in
from clock_service.session import Session
from pail import CID
from ucan import Delegation, Revocation, decode_archive, encode_archive
from ucan.token import twin

MAX_CHAIN = 256
"""UCANs looked at below one delegation."""


def store(session: Session, account: int, delegations: Sequence[Delegation]) -> None:
    """Keep these for the account, instead of those before."""
    session.run("DELETE FROM agent_delegation WHERE account = ?", (account,))
    rows = [(account, bytes(each.cid), encode_archive(each)) for each in delegations]
    session.run_many("INSERT INTO agent_delegation VALUES (?, ?, ?)", rows)


def load(session: Session, account: int) -> list[Delegation]:
    """The delegations of the account, every block hashed."""
    sql = "SELECT archive FROM agent_delegation WHERE account = ? ORDER BY cid"
    return [decode_archive(archive) for (archive,) in session.rows(sql, (account,))]


def revoke(session: Session, delegation: CID, by: str) -> None:
    """Remember for ever that `by` revoked it. Twice is once."""
    sql = "INSERT INTO agent_revocation VALUES (?, ?) ON CONFLICT DO NOTHING"
    session.run(sql, (bytes(delegation), by))


def revocations(session: Session, delegations: Sequence[CID]) -> list[Revocation]:
    """All that was revoked of these, and by whom."""
    sql = "SELECT delegation, revoker FROM agent_revocation WHERE delegation IN"
    return [Revocation(CID(ucan), by) for ucan, by in select_in(session, sql, delegations)]


def with_proofs(delegations: Sequence[Delegation]) -> list[Delegation]:
    """`delegations` and the proofs below them that came along, each once, MAX_CHAIN at most."""
    found: dict[CID, Delegation] = {}
    stack = list(delegations)
    while stack and len(found) < MAX_CHAIN:
        each = stack.pop()
        if each.cid not in found:
            found[each.cid] = each
            stack += [each.proof(cid) for cid in each.ucan.proofs if cid in each.blocks]
    return list(found.values())


def find_revoked(session: Session, chain: Sequence[Delegation]) -> CID | None:
    """The first of `chain`, of `with_proofs`, that one of its principals revoked (T3).

    Whoever could revoke was checked when the revocation was taken, against the chain it came with.
    """
    names = {cid: each.cid for each in chain for cid in (each.cid, twin(each.ucan)) if cid is not None}
    principals = {name for each in chain for name in (each.issuer, each.audience)}
    known = revocations(session, list(names)) if names else []
    return next((names[each.ucan] for each in known if each.by in principals), None)
