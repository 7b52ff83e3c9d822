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
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from pail.cid import CID
from pail.errors import DecodeError, MissingBlock, TooLarge
from pail.fields import Fields
from ucan.definition import Claim, Definition, derive_claim, parse_claim
from ucan.delegation import MAX_REMEMBERED_BYTES, Delegation
from ucan.errors import BadSignature
from ucan.failure import MAX_ECHO_CHARS, Failure, expired, not_valid_before, show
from ucan.principal import Verifier
from ucan.questions import Keys, KeysOf, Revocations, RevocationsOf, Validation
from ucan.token import twin

MAX_CHAIN = 64
"""Proofs one above the other; what people delegate is some four deep."""

MAX_EFFORT = 10_000
"""Of one validation: comparing a capability is 1, checking a UCAN's signature CHECK_EFFORT."""

CHECK_EFFORT = 10

MAX_RESOLUTIONS = 8
"""DIDs that one validation has resolved; each is a request of ours to somebody else's host."""

ATTEST = "ucan/attest"


@dataclass(frozen=True, slots=True)
class Authority:
    """The service that decides: its DID and the keys it signs with. Its attestations are believed."""

    did: str
    keys: tuple[Verifier, ...]


@dataclass(frozen=True, slots=True)
class Authorization:
    """claim: what is allowed. chain: the invocation, then each proof it rests on, up to the resource's."""

    claim: Claim
    chain: tuple[Delegation, ...]


def authorize(
    invocation: Delegation, definition: Definition[Any], *, authority: Authority, now_unix_s: int
) -> Validation[Authorization | Failure]:
    """The chain that allows `invocation` by `definition`, or the failure `Unauthorized`.

    The audience is the caller's to check. Bounded by MAX_CHAIN and MAX_EFFORT; past them the failure
    has the cause `ProofLimitExceeded`.
    """
    search = _Search(authority, now_unix_s)
    try:
        found = yield from _claim(search, definition, [invocation], 0)
    except _LimitExceeded as error:
        limit = Failure("ProofLimitExceeded", str(error))
        return Failure("Unauthorized", f"Claim {definition.can} is not authorized", (limit,))
    return found.failure(definition) if isinstance(found, _Refusal) else found


class _LimitExceeded(Exception):
    """A limit of this module was passed; the search ends here, whatever is left to look at."""


@dataclass(slots=True)
class _Search:
    authority: Authority
    now_unix_s: int
    effort: int = 0
    signed: set[CID] = field(default_factory=set[CID])
    keys: dict[str, Keys] = field(default_factory=dict[str, Keys])

    def spend(self, effort: int) -> None:
        self.effort += effort
        if self.effort > MAX_EFFORT:
            raise _LimitExceeded("the proofs take too long to search")

    def keys_of(self, did: str) -> Validation[Keys]:
        """Asked once for each DID."""
        if did not in self.keys:
            if len(self.keys) >= MAX_RESOLUTIONS:
                raise _LimitExceeded(f"the proofs have more than {MAX_RESOLUTIONS} issuers to resolve")
            self.keys[did] = yield KeysOf(did)
        return self.keys[did]


@dataclass(frozen=True, slots=True)
class _Refusal:
    """Why no capability of what was given is allowed: proofs that do not hold, claims that do not."""

    failed: tuple[Failure, ...] = ()
    escalated: tuple[Failure, ...] = ()
    invalid: tuple[Failure, ...] = ()
    unknown: tuple[Claim, ...] = ()

    def causes(self) -> tuple[Failure, ...]:
        found = self.failed + self.escalated + self.invalid
        if not found:
            found = (Failure("MissingProof", "Delegated capability not found"),)
        if self.unknown:
            shown = "; ".join(show(claim.capability) for claim in self.unknown[:8])
            message = f"Encountered unknown capabilities: {shown}"[:MAX_ECHO_CHARS]
            found += (Failure("UnknownCapability", message),)
        return found

    def failure(self, definition: Definition[Any]) -> Failure:
        return Failure("Unauthorized", f"Claim {definition.can} is not authorized", self.causes())


def _claim(
    search: _Search, definition: Definition[Any], proofs: Sequence[Delegation], depth: int
) -> Validation[Authorization | _Refusal]:
    """The first of what `proofs` claim by `definition` that holds and is not revoked."""
    given, invalid = yield from _given(search, proofs, depth)
    matches, malformed, unknown = _sort(given, [parse_claim(definition, claim) for claim in given])
    failed: list[Failure] = []
    for match in matches:
        chain = yield from _prove(search, definition, match, depth)
        if isinstance(chain, Failure):
            failed.append(chain)
            continue
        revoked = yield from _find_revoked(chain)
        if revoked is None:
            return Authorization(match, chain)
        invalid.append(Failure("Revoked", f"Proof {revoked} has been revoked"))
    return _Refusal(tuple(failed), tuple(malformed), tuple(invalid), tuple(unknown))


def _prove(
    search: _Search, definition: Definition[Any], claim: Claim, depth: int
) -> Validation[tuple[Delegation, ...] | Failure]:
    """The chain from the claim's delegation up to one that the resource itself issued."""
    if claim.is_self_issued:
        return (claim.delegation,)
    if depth >= MAX_CHAIN:
        raise _LimitExceeded(f"the chain of proofs is longer than {MAX_CHAIN}")
    proofs, unusable = _aligned_proofs(claim.delegation)
    given, invalid = yield from _given(search, proofs, depth + 1)
    matches, escalated, unknown = _sort(given, [derive_claim(definition, claim, other) for other in given])
    failed: list[Failure] = []
    for match in matches:
        chain = yield from _prove(search, definition, match, depth + 1)
        if not isinstance(chain, Failure):
            return (claim.delegation, *chain)
        failed.append(chain)
    own = Failure("NotIssuer", f"Capability can not be (self) issued by {claim.delegation.issuer}")
    refusal = _Refusal(tuple(failed), tuple(escalated), tuple(unusable + invalid), tuple(unknown))
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


def _aligned_proofs(delegation: Delegation) -> tuple[list[Delegation], list[Failure]]:
    """The proofs that came along and are for its issuer, and why the others cannot be used."""
    proofs: list[Delegation] = []
    failures: list[Failure] = []
    for cid in delegation.ucan.proofs:
        try:
            proof = delegation.proof(cid)
        except MissingBlock:
            cause = Failure("UnavailableProof", f"Linked proof {cid} is not included")
            failures.append(_proof_error(cid, cause))
        except (DecodeError, TooLarge) as error:
            failures.append(_proof_error(cid, Failure("MalformedProof", str(error)[:MAX_ECHO_CHARS])))
        else:
            if proof.audience == delegation.issuer:
                proofs.append(proof)
            else:
                message = f"Delegation audience is {proof.audience} instead of {delegation.issuer}"
                failures.append(_proof_error(cid, Failure("InvalidAudience", message)))
    return proofs, failures


def _proof_error(cid: CID, cause: Failure) -> Failure:
    return Failure("ProofError", f"Capability can not be derived from prf:{cid} because:", (cause,))


def _given(
    search: _Search, proofs: Sequence[Delegation], depth: int
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
            invalid.append(_proof_error(proof.cid, failure) if depth else failure)
    return given, invalid


def _find_fault(
    search: _Search, delegation: Delegation, beside: Sequence[Delegation], depth: int
) -> Validation[Failure | None]:
    """What is wrong with one UCAN by itself: its time, or that its issuer did not issue it."""
    search.spend(CHECK_EFFORT)
    ucan, cid = delegation.ucan, str(delegation.cid)
    if ucan.expires_at_unix is not None and ucan.expires_at_unix <= search.now_unix_s:
        return expired(cid, ucan)
    if ucan.not_before_unix is not None and search.now_unix_s <= ucan.not_before_unix:
        return not_valid_before(cid, ucan)
    if ucan.issuer.startswith("did:key:"):
        return _find_bad_signature(search, delegation, (Verifier.parse(ucan.issuer),))
    if ucan.issuer == search.authority.did:
        return _find_bad_signature(search, delegation, search.authority.keys)
    session = yield from _find_session(search, delegation, beside, depth)
    if isinstance(session, Authorization):
        return None
    if session.failed:
        message = f"Delegation {cid} issued by {ucan.issuer} has an invalid session"
        return Failure("SessionEscalation", message, session.causes())
    keys = yield from search.keys_of(ucan.issuer)
    if not keys:
        return Failure("DIDKeyResolutionError", f"Unable to resolve {ucan.issuer} key")
    return _find_bad_signature(search, delegation, keys)


def _find_bad_signature(search: _Search, delegation: Delegation, keys: Keys) -> Failure | None:
    ucan, cid = delegation.ucan, delegation.cid
    if cid in search.signed:
        return None
    is_signed = _is_signed_again if len(delegation.data) <= MAX_REMEMBERED_BYTES else _is_signed
    if any(is_signed(delegation.payload, ucan.signature, key) for key in keys):
        search.signed.add(cid)
        return None
    signers = ", ".join(key.did for key in keys)
    message = f"Proof {cid} issued by {ucan.issuer} does not has a valid signature from {signers}"
    return Failure("InvalidSignature", message)


def _is_signed(payload: bytes, signature: bytes, key: Verifier) -> bool:
    try:
        key.verify_varsig(payload, signature)
    except BadSignature:
        return False
    return True


_is_signed_again = lru_cache(maxsize=512)(_is_signed)
"""What changes, time and revocation, is looked at each time; a signature stays what it is."""


def _find_session(
    search: _Search, delegation: Delegation, beside: Sequence[Delegation], depth: int
) -> Validation[Authorization | _Refusal]:
    """The service's attestation, among the proofs beside it, that the issuer issued `delegation`.

    Each search is over fewer UCANs than the one it is part of, and one level deeper.
    """
    if depth >= MAX_CHAIN:
        raise _LimitExceeded(f"attestations of attestations are nested deeper than {MAX_CHAIN}")
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


def _find_revoked(chain: tuple[Delegation, ...]) -> Validation[CID | None]:
    """The first of the chain that somebody revoked who may: its own principals and those above it."""
    entitled: dict[CID, frozenset[str]] = {}
    above: frozenset[str] = frozenset()
    for delegation in reversed(chain):
        above |= {delegation.issuer, delegation.audience}
        for cid in (delegation.cid, twin(delegation.ucan)):
            if cid is not None:
                entitled[cid] = above
    revocations: Revocations = yield RevocationsOf(tuple(entitled))
    for ucan, by in revocations:
        if by in entitled.get(ucan, ()):
            return ucan
    return None
