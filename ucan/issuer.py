"""Who issues: a key under its own did:key, a key under another DID, or nobody's key at all.

Source: @ucanto/principal 9.0.3, signer and absentee
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ucan.principal import Signer
from ucan.varsig import ABSENT


class Issuer(Protocol):
    """did: the DID that signs. algorithm: as the header of a UCAN names it."""

    @property
    def did(self) -> str: ...

    @property
    def algorithm(self) -> str: ...

    def sign(self, payload: bytes) -> bytes:
        """The varsig of `payload`."""
        ...


@dataclass(frozen=True, slots=True)
class NamedSigner:
    """A key that signs as another DID, say a service's did:web; others must be able to resolve it."""

    did: str
    signer: Signer

    @property
    def algorithm(self) -> str:
        return self.signer.algorithm

    def sign(self, payload: bytes) -> bytes:
        """The varsig of `payload` by the key."""
        return self.signer.sign(payload)


@dataclass(frozen=True, slots=True)
class Absentee:
    """A principal without a key, a did:mailto: a service attests for it what it delegates."""

    did: str

    @property
    def algorithm(self) -> str:
        return ""

    def sign(self, payload: bytes) -> bytes:
        """No signature, whatever the payload."""
        return ABSENT
