"""Whether an invocation may do what it asks: a search for a chain of proofs that ends with the resource.

    invocation  issuer ── may he do it? ──  proof  audience = issuer of the invocation
                                            proof  issuer ── may he? ── proof … issuer = resource

Every UCAN of the chain must be within its time, signed by its issuer, and give what the one below
claims. The first chain that is found decides: if one of it is revoked, by its issuer, its audience
or anyone further up, the invocation is refused (T3). Anybody else's revocation has no effect.

An issuer without a key, or whose key is elsewhere, is believed if the service attests that it issued
(`ucan/attest` among the proofs beside it), else if its DID resolves to a key that signed.

Source: @ucanto/validator 10.0.1, lib; @storacha/upload-api 2.8.4, utils/revocation; spec/ucan.md
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pail.cid import CID
from pail.errors import DecodeError
from pail.fields import Fields
from ucan.definition import Claim, Definition, derive_claim, parse_claim
from ucan.delegation import Delegation
from ucan.failure import Failure, expired, not_valid_before, show
from ucan.principal import Verifier
from ucan.questions import Validation
from ucan.search import (
    CHECK_EFFORT,
    MAX_CHAIN,
    Authority,
    Authorization,
    LimitExceeded,
    Refusal,
    Search,
    aligned_proofs,
    find_bad_signature,
    find_revoked,
    proof_error,
)

ATTEST = "ucan/attest"


def authorize(
    invocation: Delegation, definition: Definition[Any], *, authority: Authority, now_unix_s: int
) -> Validation[Authorization | Failure]:
    """The chain that allows `invocation` by `definition`, or the failure `Unauthorized`.

    The audience is the caller's to check. Bounded by MAX_CHAIN and MAX_EFFORT; past them the failure
    has the cause `ProofLimitExceeded`.
    """
    search = Search(authority, now_unix_s)
    try:
        found = yield from _claim(search, definition, [invocation], 0)
    except LimitExceeded as error:
        limit = Failure("ProofLimitExceeded", str(error))
        return Failure("Unauthorized", f"Claim {definition.can} is not authorized", (limit,))
    return found.failure(definition) if isinstance(found, Refusal) else found


def _claim(
    search: Search, definition: Definition[Any], proofs: Sequence[Delegation], depth: int
) -> Validation[Authorization | Refusal]:
    """The first of what `proofs` claim by `definition` that holds and is not revoked."""
    given, invalid = yield from _given(search, proofs, depth)
    matches, malformed, unknown = _sort(given, [parse_claim(definition, claim) for claim in given])
    failed: list[Failure] = []
    for match in matches:
        chain = yield from _prove(search, definition, match, depth)
        if isinstance(chain, Failure):
            failed.append(chain)
            continue
        revoked = yield from find_revoked(chain)
        if revoked is None:
            return Authorization(match, chain)
        invalid.append(Failure("Revoked", f"Proof {revoked} has been revoked"))
    return Refusal(tuple(failed), tuple(malformed), tuple(invalid), tuple(unknown))


def _prove(
    search: Search, definition: Definition[Any], claim: Claim, depth: int
) -> Validation[tuple[Delegation, ...] | Failure]:
    """The chain from the claim's delegation up to one that the resource itself issued."""
    if claim.is_self_issued:
        return (claim.delegation,)
    if depth >= MAX_CHAIN:
        raise LimitExceeded(f"the chain of proofs is longer than {MAX_CHAIN}")
    proofs, unusable = aligned_proofs(search, claim.delegation)
    given, invalid = yield from _given(search, proofs, depth + 1)
    matches, escalated, unknown = _sort(given, [derive_claim(definition, claim, other) for other in given])
    failed: list[Failure] = []
    for match in matches:
        chain = yield from _prove(search, definition, match, depth + 1)
        if not isinstance(chain, Failure):
            return (claim.delegation, *chain)
        failed.append(chain)
    own = Failure("NotIssuer", f"Capability can not be (self) issued by {claim.delegation.issuer}")
    refusal = Refusal(tuple(failed), tuple(escalated), tuple(unusable + invalid), tuple(unknown))
    message = f"Capability {show(claim.capability)} is not authorized because:"
    return Failure("InvalidClaim", message, (own, *refusal.causes()))


def _sort(
    given: Sequence[Claim], results: Sequence[Claim | Failure | None]
) -> tuple[list[Claim], list[Failure], list[Claim]]:
    """What matches, what was tried and failed, and what has nothing to do with it."""
    matches = [result for result in results if isinstance(result, Claim)]
    failures = [result for result in results if isinstance(result, Failure)]
    unknown = [claim for claim, result in zip(given, results, strict=True) if result is None]
    return matches, failures, unknown


def _given(
    search: Search, proofs: Sequence[Delegation], depth: int
) -> Validation[tuple[list[Claim], list[Failure]]]:
    """Every capability of those `proofs` that are valid, and why the others are not."""
    given: list[Claim] = []
    invalid: list[Failure] = []
    for proof in proofs:
        failure = yield from _find_fault(search, proof, proofs, depth)
        if failure is None:
            search.spend(len(proof.ucan.capabilities))
            given += [Claim(capability, proof) for capability in proof.ucan.capabilities]
        else:
            invalid.append(proof_error(proof.cid, failure) if depth else failure)
    return given, invalid


def _find_fault(
    search: Search, delegation: Delegation, beside: Sequence[Delegation], depth: int
) -> Validation[Failure | None]:
    """What is wrong with one UCAN by itself: its time, or that its issuer did not issue it."""
    search.spend(CHECK_EFFORT)
    ucan, cid = delegation.ucan, delegation.cid
    if ucan.expires_at_unix is not None and ucan.expires_at_unix <= search.now_unix_s:
        return expired(str(cid), ucan)
    if ucan.not_before_unix is not None and search.now_unix_s <= ucan.not_before_unix:
        return not_valid_before(str(cid), ucan)
    if ucan.issuer.startswith("did:key:"):
        return find_bad_signature(search, delegation, (Verifier.parse(ucan.issuer),))
    if ucan.issuer == search.authority.did:
        return find_bad_signature(search, delegation, search.authority.keys)
    session = yield from _find_session(search, delegation, beside, depth)
    if isinstance(session, Authorization):
        return None
    if session.failed:
        message = f"Delegation {cid} issued by {ucan.issuer} has an invalid session"
        return Failure("SessionEscalation", message, session.causes())
    keys = yield from search.keys_of(ucan.issuer)
    if not keys:
        return Failure("DIDKeyResolutionError", f"Unable to resolve {ucan.issuer} key")
    return find_bad_signature(search, delegation, keys)


def _find_session(
    search: Search, delegation: Delegation, beside: Sequence[Delegation], depth: int
) -> Validation[Authorization | Refusal]:
    """The service's attestation, among the proofs beside it, that the issuer issued `delegation`.

    Each search is over fewer UCANs than the one it is part of, and one level deeper.
    """
    if depth >= MAX_CHAIN:
        raise LimitExceeded(f"attestations of attestations are nested deeper than {MAX_CHAIN}")
    attestation = Definition(
        ATTEST,
        lambda fields: _take_this(fields, delegation.cid),
        is_resource=lambda resource: resource == search.authority.did,
    )
    attests = [other for other in beside if _is_attestation(other) and other.cid != delegation.cid]
    return (yield from _claim(search, attestation, attests, depth + 1))


def _take_this(fields: Fields, cid: CID) -> None:
    if fields.take("proof", CID) != cid:
        raise DecodeError("it attests to another UCAN")


def _is_attestation(delegation: Delegation) -> bool:
    capabilities = delegation.ucan.capabilities
    return bool(capabilities) and capabilities[0].can == ATTEST
