"""From what a bucket answers to one sentence; what may pass is asked for again.

What the server and the client library say in full is not repeated: it may hold keys and signed URLs (T5).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    NotSupportedError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)

from space.errors import SpaceUnavailable

ATTEMPTS = 4
"""How often one operation is tried, each with the client library's own retries in it."""

FIRST_WAIT_S = 0.5

PATIENCE_S = 120.0
"""What fails after so long is not tried again: a server that never answers would be waited for too long."""

T = TypeVar("T")

_CODE = re.compile(r"<Code>([A-Za-z0-9.]{1,64})</Code>|\"(?:code|reason)\": ?\"([A-Za-z0-9]{1,64})\"")
_STATUS = re.compile(r"status code: ([1-5][0-9]{2})")

_NO_BUCKET = {"NoSuchBucket", "ContainerNotFound"}
_REFUSED = {
    "AccessDenied",
    "AuthenticationFailed",
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidToken",
    "SignatureDoesNotMatch",
}


_WRONG_BYTES = {"BadDigest", "XAmzContentSHA256Mismatch"}


_MACHINES_ROLE = (
    "://169.254.169.254",
    "://169.254.170.2",
    "://metadata.google.internal",
    "instance metadata",
)
"""Who is asked for credentials, in vain, where none are set."""

_TO_SET = {
    "s3": "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
    "gs": "set GOOGLE_APPLICATION_CREDENTIALS",
    "az": "set AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
}


class Lost(Exception):
    """The object is not there."""


class Taken(Exception):
    """An object of that name is there already."""


class PastEnd(Exception):
    """The range begins where the object has ended: it is shorter than it was listed."""


class Unsupported(Exception):
    """The bucket does not know how to do this."""


class WrongBytes(Exception):
    """What the bucket says it has is not what it was given."""


class Fault(NamedTuple):
    """may_pass: whether trying again can help."""

    sentence: str
    may_pass: bool


class Asking:
    """Asks the bucket that `title` names, and again where that may help."""

    def __init__(self, title: str, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._title = title
        self._sleep = sleep

    def __call__(self, doing: str, ask: Callable[[], T]) -> T:
        """What `ask` returns. `doing`: goes into the sentence.

        Raises SpaceUnavailable; Lost, Taken and PastEnd, which are answers.
        """
        began_s = time.monotonic()
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return ask()
            except (AlreadyExistsError, PreconditionError) as error:
                raise Taken from error
            except (BaseError, FileNotFoundError, ValueError, WrongBytes) as error:
                fault = self._fault(error)
                is_last = attempt == ATTEMPTS or time.monotonic() - began_s > PATIENCE_S
                if not fault.may_pass or is_last:
                    raise SpaceUnavailable(f"{doing}: {fault.sentence}") from None
            self._sleep(FIRST_WAIT_S * 2 ** (attempt - 1))
        raise AssertionError("the last attempt returns or raises")

    def _fault(self, error: Exception) -> Fault:
        text = str(error)
        found = _CODE.search(text)
        code = (found[1] or found[2]) if found else ""
        status = match[1] if (match := _STATUS.search(text)) else ""
        said = f"{status} {code}".strip()
        if isinstance(error, NotSupportedError) or status == "501":
            raise Unsupported from error
        if isinstance(error, WrongBytes):
            return Fault(f"{self._title} keeps other bytes than it was given", may_pass=True)
        if code in _WRONG_BYTES:
            return Fault(f"{self._title} was given other bytes than were sent", may_pass=True)
        if any(sign in text.lower() for sign in _MACHINES_ROLE):
            to_set = _TO_SET.get(self._title.partition("://")[0], "set them")
            return Fault(
                f"no credentials are set for {self._title}, and this machine has no role; {to_set}", False
            )
        if code in _NO_BUCKET:
            return Fault(f"there is no bucket for {self._title}; make it, or name another", may_pass=False)
        if isinstance(error, FileNotFoundError):
            raise Lost from error
        if code == "InvalidRange" or status == "416":
            raise PastEnd from error
        refused = isinstance(error, PermissionDeniedError | UnauthenticatedError)
        if refused or code in _REFUSED or status in ("401", "403"):
            return Fault(f"{self._title} refuses the credentials, or has none ({said or 'unsigned'})", False)
        if status:
            may_pass = status in ("408", "429") or status.startswith("5")
            return Fault(f"{self._title} answers {said}{'; try again later' if may_pass else ''}", may_pass)
        return Fault(f"{self._title} cannot be reached: {_why(text)}; try again later", may_pass=True)


def _why(text: str) -> str:
    """What the client library says of a connection, in two words."""
    lowered = text.lower()
    for sign, words in _SIGNS.items():
        if sign in lowered:
            return words
    return "the connection failed"


_SIGNS = {
    "connection refused": "connection refused",
    "dns error": "its name is not known",
    "timedout": "no answer in time",
    "timed out": "no answer in time",
    "kind: timeout": "no answer in time",
    "certificate": "its certificate is not trusted",
}
