"""What can go wrong in ucan, and whose fault it is.

UcanError
├── InvalidPrincipal   text or bytes that name no key we can use; refuse what they came with
├── BadSignature       well-formed, but not signed by that principal; refuse what was signed
├── BadResponse        the service's answer is not one to our request; nothing of it may be believed
└── Refused            a handler's or a service's answer is an error with a name; the work was not done

What is found wrong with somebody's authority is no exception but a value, `ucan.failure.Failure`:
it is signed into a receipt and sent back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pail.errors import DecodeError

if TYPE_CHECKING:
    from ucan.failure import Failure


class UcanError(Exception):
    """Any error of this package."""


class InvalidPrincipal(UcanError, DecodeError):
    """No DID, did:key, multikey or signer that is well-formed and of a kind we know."""


class BadSignature(UcanError):
    """The signature is not one that `did` made over the payload.

    cause: what is wrong with it, such as "high S".
    """

    def __init__(self, did: str, cause: str) -> None:
        super().__init__(f"signature by {did} is refused: {cause}")
        self.did = did
        self.cause = cause


class BadResponse(UcanError):
    """A service answered with another status than 200, no message, or no receipt of its own.

    status: that of the response.
    """

    def __init__(self, status: int, cause: str) -> None:
        super().__init__(f"response with status {status}: {cause}")
        self.status = status
        self.cause = cause


class Refused(UcanError):
    """The work was refused; `failure` says by which name and why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(f"{failure.name}: {failure.message}")
        self.failure = failure
