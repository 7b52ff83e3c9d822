"""What a capability means: which ability, on which resources, with which caveats, and what narrows what.

A definition reads the caveats of a claim strictly: a caveat that nobody here knows is refused, in an
invocation and in every delegation of its chain, since not enforcing it would widen what was delegated.

Source: @ucanto/validator 10.0.1, capability
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from pail.cid import CID
from pail.dag_cbor import Value, encode_dag_cbor
from pail.errors import DecodeError
from pail.fields import Fields
from ucan.capability import ALL_OF_ISSUER, Capability, covers
from ucan.delegation import Delegation
from ucan.did import is_did
from ucan.failure import Failure, show

N = TypeVar("N")

Within = Callable[[Value, Value], bool]
"""Whether a claimed caveat is within the delegated one; both are as the definition's reader took them."""


def _is_equal(claimed: Value, delegated: Value) -> bool:
    """By their bytes: in Python True is 1 and 1.0."""
    return encode_dag_cbor(claimed) == encode_dag_cbor(delegated)


@dataclass(frozen=True, slots=True)
class Definition(Generic[N]):
    """can: one ability. read: takes the caveats of an invocation out of Fields; raises DecodeError.

    is_resource: which resources make sense. within: by caveat, when a claimed value is within a
    delegated one; the others must be equal. A caveat of a delegation must be in the claim too.
    """

    can: str
    read: Callable[[Fields], N]
    is_resource: Callable[[str], bool] = is_did
    within: Mapping[str, Within] = field(default_factory=dict[str, Within])

    def decode(self, nb: Mapping[str, Value] | None) -> N:
        """The caveats of an invocation. Raises DecodeError for any that `read` does not take."""
        fields = Fields(f"{self.can} nb", dict(nb or {}))
        caveats = self.read(fields)
        fields.done()
        return caveats


def no_caveats(fields: Fields) -> None:
    """The reader of a capability that has none."""


def link_caveat(name: str) -> Callable[[Fields], CID]:
    """The reader of a capability whose one caveat is a CID of version 1."""
    return lambda fields: take_link(fields, name)


def take_link(fields: Fields, name: str) -> CID:
    """The caveat `name`, a CID of version 1. Raises DecodeError."""
    cid = fields.take(name, CID)
    if cid[0] != 1:
        raise DecodeError(f"{name} is a CID of version 0, not 1")
    return cid


@dataclass(frozen=True, slots=True)
class Claim:
    """A capability that `delegation` gives, or would give, for the one that is invoked."""

    capability: Capability
    delegation: Delegation

    @property
    def is_self_issued(self) -> bool:
        """Whether the issuer is the resource, and so needs nobody's proof."""
        return self.capability.resource == self.delegation.issuer


def parse_claim(definition: Definition[Any], given: Claim) -> Claim | Failure | None:
    """`given`, if it is a claim by this definition; None if its ability is another."""
    if given.capability.can != definition.can:
        return None
    return _checked(definition, given)


def derive_claim(definition: Definition[Any], claimed: Claim, given: Claim) -> Claim | Failure | None:
    """What `given`, of a proof, gives for `claimed`; a Failure if that is less, None if unrelated."""
    can, resource, nb = given.capability
    if not covers(can, claimed.capability.can):
        return None
    if resource == ALL_OF_ISSUER:
        resource = claimed.capability.resource
    whole = Capability(claimed.capability.can, resource, {**(claimed.capability.nb or {}), **(nb or {})})
    derived = _checked(definition, Claim(whole, given.delegation))
    if isinstance(derived, Failure):
        return derived
    violation = _violation(definition, claimed.capability, derived.capability)
    if violation is None:
        return derived
    return Failure("EscalatedCapability", f"Constraint violation: {violation}")


def _checked(definition: Definition[Any], claim: Claim) -> Claim | Failure:
    capability = claim.capability
    try:
        if not definition.is_resource(capability.resource):
            raise DecodeError("its resource is none that this ability is for")
        definition.decode(capability.nb)
    except DecodeError as error:
        cause = Failure("SchemaError", str(error))
        return Failure("MalformedCapability", f"Encountered malformed {show(capability)}", (cause,))
    return claim


def _violation(definition: Definition[Any], claimed: Capability, delegated: Capability) -> str | None:
    """Why `claimed` is not within `delegated`, None if it is."""
    if not _contains(delegated.resource, claimed.resource):
        return f"Resource {claimed.resource} is not contained by {delegated.resource}"
    nb = claimed.nb or {}
    for name, value in (delegated.nb or {}).items():
        if name not in nb:
            return f"{name} is delegated with a caveat and claimed without"
        if not definition.within.get(name, _is_equal)(nb[name], value):
            return f"{name} is outside the one that is delegated"
    return None


def _contains(delegated: str, claimed: str) -> bool:
    """A pattern at the end is matched as the original does, though nobody can issue for a pattern."""
    return claimed.startswith(delegated[:-1]) if delegated.endswith("*") else delegated == claimed
