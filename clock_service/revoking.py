"""Who may revoke a delegation, and for how long that is kept.

By its issuer, its audience, and every issuer above it (T3). Anybody can make delegations that name a
space, and revocations are stored: so one counts only if a chain of signatures leads from it up to the
key of what it is about. One whose chain does not is worth nothing here, revoked or not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pail import CID, PailError
from ucan import BadSignature, Delegation, Verifier, view_delegation
from ucan.capability import ALL_OF_ISSUER
from ucan.search import Authority
from ucan.server import KeyResolver

MAX_CHAIN = 256
"""Delegations looked at for one answer."""

MAX_RESOLUTIONS = 8
"""Issuers without a key in their DID that are resolved for one answer."""

KEEP_AFTER_S = 86_400
"""After a delegation has expired its revocation is kept that long: services' clocks may differ."""


def may_revoke(principal: str, delegation: CID, blocks: Mapping[CID, bytes]) -> bool:
    """Whether `principal` is of the chain of `delegation`, as far as it came along in `blocks`."""
    return any(
        principal == view.issuer or (view.cid == delegation and principal == view.audience)
        for view in chain_of(delegation, blocks)
    )


async def find_roots(
    delegation: Delegation, blocks: Mapping[CID, bytes], authority: Authority, keys_of: KeyResolver
) -> list[str]:
    """Whose delegation it is in the end: the issuers, each of its own resource, that a chain leads up to.

    In a chain each is signed by its issuer, who is the audience of the next. Time is not looked at:
    what is not valid yet can be revoked before it is.
    """
    resolve = _Resolver(keys_of)
    resolved: dict[str, tuple[Verifier, ...]] = {authority.did: authority.keys}
    roots: dict[str, None] = {}
    stack, seen = [delegation], {delegation.cid}
    while stack and len(seen) <= MAX_CHAIN:
        view = stack.pop()
        if view.issuer not in resolved:
            resolved[view.issuer] = await resolve(view.issuer)
        if not _is_signed(view, resolved[view.issuer]):
            continue
        if any(each.resource in (view.issuer, ALL_OF_ISSUER) for each in view.ucan.capabilities):
            roots[view.issuer] = None
        for proof in _proofs(view, blocks):
            if proof.cid not in seen and proof.audience == view.issuer:
                seen.add(proof.cid)
                stack.append(proof)
    return list(roots)


class _Resolver:
    """The keys of a DID; none past MAX_RESOLUTIONS that are no keys themselves."""

    def __init__(self, keys_of: KeyResolver) -> None:
        self._keys_of = keys_of
        self._left = MAX_RESOLUTIONS

    async def __call__(self, did: str) -> tuple[Verifier, ...]:
        if did.startswith("did:key:"):
            return (Verifier.parse(did),)
        self._left -= 1
        return tuple(await self._keys_of(did)) if self._left >= 0 else ()


def _is_signed(view: Delegation, keys: tuple[Verifier, ...]) -> bool:
    for key in keys:
        try:
            key.verify_varsig(view.payload, view.ucan.signature)
        except BadSignature:
            continue
        return True
    return False


def chain_of(delegation: CID, blocks: Mapping[CID, bytes]) -> Iterator[Delegation]:
    """The delegation, and those above it that came along and are delegations."""
    try:
        stack = [view_delegation(delegation, blocks)]
    except PailError:
        return
    seen = {delegation}
    while stack and len(seen) <= MAX_CHAIN:
        view = stack.pop()
        yield view
        above = [proof for proof in _proofs(view, blocks) if proof.cid not in seen]
        seen.update(proof.cid for proof in above)
        stack += above


def _proofs(view: Delegation, blocks: Mapping[CID, bytes]) -> Iterator[Delegation]:
    for cid in view.ucan.proofs[:MAX_CHAIN]:
        try:
            yield view_delegation(cid, blocks)
        except PailError:
            continue
