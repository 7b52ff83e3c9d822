"""Who may revoke a delegation: its issuer, its audience, and every issuer above it."""

from __future__ import annotations

from collections.abc import Mapping

from pail import CID, PailError
from ucan import view_delegation

MAX_CHAIN = 256
"""Delegations looked at for one answer."""


def may_revoke(principal: str, delegation: CID, blocks: Mapping[CID, bytes]) -> bool:
    """Whether `principal` is of the chain of `delegation`, as far as it came along in `blocks`.

    Signatures are not looked at: one who forges a chain revokes what nobody was given.
    """
    stack, seen = [delegation], {delegation}
    while stack and len(seen) <= MAX_CHAIN:
        cid = stack.pop()
        try:
            view = view_delegation(cid, blocks)
        except PailError:
            continue
        if principal == view.issuer or (cid == delegation and principal == view.audience):
            return True
        above = [proof for proof in view.ucan.proofs if proof not in seen]
        seen.update(above)
        stack += above
    return False
