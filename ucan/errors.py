"""What can go wrong in ucan, and whose fault it is.

UcanError
├── InvalidPrincipal   text or bytes that name no key we can use; refuse what they came with
└── BadSignature       well-formed, but not signed by that principal; refuse what was signed
"""

from __future__ import annotations


class UcanError(Exception):
    """Any error of this package."""


class InvalidPrincipal(UcanError, ValueError):
    """No did:key, multikey or signer that is well-formed and of a kind we know."""


class BadSignature(UcanError):
    """The signature is not one that `did` made over the payload.

    cause: what is wrong with it, such as "high S".
    """

    def __init__(self, did: str, cause: str) -> None:
        super().__init__(f"signature by {did} is refused: {cause}")
        self.did = did
        self.cause = cause
