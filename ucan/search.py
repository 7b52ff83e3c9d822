"""What a search for a chain of proofs keeps, and what is found out about one UCAN by itself.

Source: @ucanto/validator 10.0.1, lib and error; @storacha/upload-api 2.8.4, utils/revocation
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from pail.cid import CID
from pail.errors import DecodeError, MissingBlock, TooLarge
from ucan.definition import Claim, Definition
from ucan.delegation import MAX_REMEMBERED_BYTES, Delegation
from ucan.errors import BadSignature
from ucan.failure import MAX_ECHO_CHARS, Failure, show
from ucan.principal import Verifier
from ucan.questions import Keys, KeysOf, Revocations, RevocationsOf, Validation
from ucan.token import twin

MAX_CHAIN = 64
"""Proofs one above the other; what people delegate is some four deep."""

MAX_EFFORT = 5_000
"""Of one validation, some 10 microseconds each: comparing a capability, reading 64 bytes of a proof.
Checking a signature is CHECK_EFFORT.
"""

CHECK_EFFORT = 10

MAX_RESOLUTIONS = 8
"""DIDs that one validation has resolved; each is a request of ours to somebody else's host."""


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


class LimitExceeded(Exception):
    """A limit of this module was passed; the search ends here, whatever is left to look at."""


@dataclass(slots=True)
class Search:
    """One validation: what it may still cost, which UCANs are signed, which keys were resolved."""

    authority: Authority
    now_unix_s: int
    effort: int = 0
    signed: set[CID] = field(default_factory=set[CID])
    keys: dict[str, Keys] = field(default_factory=dict[str, Keys])

    def spend(self, effort: int) -> None:
        """Raises LimitExceeded past MAX_EFFORT."""
        self.effort += effort
        if self.effort > MAX_EFFORT:
            raise LimitExceeded("the proofs take too long to search")

    def keys_of(self, did: str) -> Validation[Keys]:
        """The keys of `did`, asked for once. Raises LimitExceeded past MAX_RESOLUTIONS."""
        if did not in self.keys:
            if len(self.keys) >= MAX_RESOLUTIONS:
                raise LimitExceeded(f"the proofs have more than {MAX_RESOLUTIONS} issuers to resolve")
            self.keys[did] = yield KeysOf(did)
        return self.keys[did]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why no capability of what was given is allowed: proofs that do not hold, claims that do not."""

    failed: tuple[Failure, ...] = ()
    escalated: tuple[Failure, ...] = ()
    invalid: tuple[Failure, ...] = ()
    unknown: tuple[Claim, ...] = ()

    def causes(self) -> tuple[Failure, ...]:
        """All of it, as the causes of a failure; at least one."""
        found = self.failed + self.escalated + self.invalid
        if not found:
            found = (Failure("MissingProof", "Delegated capability not found"),)
        if self.unknown:
            shown = "; ".join(show(claim.capability) for claim in self.unknown[:8])
            message = f"Encountered unknown capabilities: {shown}"[:MAX_ECHO_CHARS]
            found += (Failure("UnknownCapability", message),)
        return found

    def failure(self, definition: Definition[Any]) -> Failure:
        """The failure of a whole validation."""
        return Failure("Unauthorized", f"Claim {definition.can} is not authorized", self.causes())


def aligned_proofs(search: Search, delegation: Delegation) -> tuple[list[Delegation], list[Failure]]:
    """The proofs that came along and are for its issuer, and why the others cannot be used."""
    proofs: list[Delegation] = []
    failures: list[Failure] = []
    for cid in delegation.ucan.proofs:
        search.spend(1 + len(delegation.blocks.get(cid, b"")) // 64)
        try:
            proof = delegation.proof(cid)
        except MissingBlock:
            cause = Failure("UnavailableProof", f"Linked proof {cid} is not included")
            failures.append(proof_error(cid, cause))
        except (DecodeError, TooLarge) as error:
            failures.append(proof_error(cid, Failure("MalformedProof", str(error)[:MAX_ECHO_CHARS])))
        else:
            if proof.audience == delegation.issuer:
                proofs.append(proof)
            else:
                message = f"Delegation audience is {proof.audience} instead of {delegation.issuer}"
                failures.append(proof_error(cid, Failure("InvalidAudience", message)))
    return proofs, failures


def proof_error(cid: CID, cause: Failure) -> Failure:
    """`cause`, of the proof `cid`."""
    return Failure("ProofError", f"Capability can not be derived from prf:{cid} because:", (cause,))


def find_bad_signature(search: Search, delegation: Delegation, keys: Keys) -> Failure | None:
    """None if one of `keys` made the signature of `delegation`."""
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


def find_revoked(chain: tuple[Delegation, ...]) -> Validation[CID | None]:
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
