"""Revocations: taken from whoever may, and felt at once by the accounts that rest on them (T3)."""

from __future__ import annotations

from collections.abc import Mapping

from backup_agent.server import account_rows, revocation_rows
from backup_agent.server.database import Database
from backup_agent.server.schedule import State
from clock_service.revoking import find_roots, may_revoke
from clock_service.session import Session
from pail import CID
from ucan import Authority, Failure, Refused, Signer, view_delegation
from ucan.questions import Keys


async def _no_keys(did: str) -> Keys:
    return ()


class Revoking:
    """server: the server's own DID and key."""

    def __init__(self, database: Database, server: Signer) -> None:
        self._database = database
        self._authority = Authority(server.did, (server.verifier,))

    async def revoke(self, by: str, delegation: CID, blocks: Mapping[CID, bytes]) -> None:
        """Remember that `by`, a principal of its chain, revoked `delegation`, which must be among `blocks`.

        Raises Refused, by the original's names. One that leads up to no space with accounts here is
        refused too, since anybody could store some.
        """
        if delegation not in blocks:
            raise Refused(Failure("UCANNotFound", f"the delegation {delegation} did not come along"))
        if not may_revoke(by, delegation, blocks):
            message = f"{by} is no principal of the chain of {delegation}"
            raise Refused(Failure("UnauthorizedRevocation", message))
        view = view_delegation(delegation, blocks)
        spaces = await find_roots(view, blocks, self._authority, _no_keys)

        def work(session: Session) -> bool:
            concerned = [space for space in spaces if account_rows.count(session, space)]
            if concerned:
                revocation_rows.revoke(session, delegation, by)
            for space in concerned:
                _end_those(session, space, delegation)
            return bool(concerned)

        if not await self._database.ask(work):
            raise Refused(Failure("NotScheduled", "no account of that space is scheduled here"))


def _end_those(session: Session, space: str, delegation: CID) -> None:
    """The accounts of `space` that rest on it: their runs stop before their next write."""
    for account in account_rows.of_space(session, space):
        chain = revocation_rows.with_proofs(revocation_rows.load(session, account.id))
        if revocation_rows.find_revoked(session, chain) is not None:
            reason = f"the delegation {delegation} was revoked"
            account_rows.set_state(session, account, State.ENDED, reason)
