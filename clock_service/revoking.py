"""Who may revoke a delegation: its issuer, its audience, and every issuer above it. And what it is about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pail import CID, PailError
from ucan import Delegation, view_delegation
from ucan.capability import ALL_OF_ISSUER

MAX_CHAIN = 256
"""Delegations looked at for one answer."""

MAX_RESOURCES = 64
"""Resources looked up for one answer."""


def may_revoke(principal: str, delegation: CID, blocks: Mapping[CID, bytes]) -> bool:
    """Whether `principal` is of the chain of `delegation`, as far as it came along in `blocks`.

    Signatures are not looked at: one who forges a chain revokes what nobody was given.
    """
    return any(
        principal == view.issuer or (view.cid == delegation and principal == view.audience)
        for view in _chain(delegation, blocks)
    )


def resources_of(delegation: CID, blocks: Mapping[CID, bytes]) -> list[str]:
    """What `delegation` and those above it name as resource, each once, MAX_RESOURCES at most."""
    found: dict[str, None] = {}
    for view in _chain(delegation, blocks):
        for capability in view.ucan.capabilities:
            found[view.issuer if capability.resource == ALL_OF_ISSUER else capability.resource] = None
            if len(found) == MAX_RESOURCES:
                return list(found)
    return list(found)


def _chain(delegation: CID, blocks: Mapping[CID, bytes]) -> Iterator[Delegation]:
    """The delegation, and those above it that came along and are delegations."""
    stack, seen = [delegation], {delegation}
    while stack and len(seen) <= MAX_CHAIN:
        try:
            view = view_delegation(stack.pop(), blocks)
        except PailError:
            continue
        yield view
        above = [proof for proof in view.ucan.proofs if proof not in seen]
        seen.update(above)
        stack += above
