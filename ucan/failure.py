"""Failures by the original's names: values, to be signed into a receipt.

Source: @ucanto/validator 10.0.1, error; @ucanto/server 11.0.3, error
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice

from pail.dag_cbor import Value
from ucan.capability import Capability
from ucan.token import Ucan

MAX_LINES = 100
"""Of one description; an attacker's request is not echoed without end."""

MAX_MESSAGE_CHARS = 500
"""Of one line of it: a DID may have a thousand."""

MAX_ECHO_CHARS = 200
"""How much of a text from outside a message repeats."""


@dataclass(frozen=True, slots=True)
class Failure:
    """name: the original's, which callers compare. message: one line for a person, causes apart.

    details: further fields of the error on the wire.
    """

    name: str
    message: str
    causes: tuple[Failure, ...] = ()
    details: Mapping[str, Value] = field(default_factory=dict[str, Value])

    def describe(self) -> str:
        """The message with its causes, indented below it, in at most MAX_LINES."""
        lines = list(islice(self._lines(), MAX_LINES + 1))
        return "\n".join(lines if len(lines) <= MAX_LINES else [*lines[:MAX_LINES], "…"])

    def names(self) -> Iterator[str]:
        """This failure's name and those of all it tells of, outermost first."""
        yield self.name
        for cause in self.causes:
            yield from cause.names()

    def _lines(self) -> Iterator[str]:
        yield self.message[:MAX_MESSAGE_CHARS]
        for cause in self.causes:
            start = "  - "
            for line in cause._lines():
                yield start + line
                start = "    "

    def encode(self) -> Value:
        """The error of a receipt: `{name, message, …}`, and `causes`, the names of what led to it."""
        error: dict[str, Value] = {**self.details, "name": self.name, "message": self.describe()}
        causes = list(dict.fromkeys(name for cause in self.causes for name in cause.names()))
        return error | ({"causes": causes} if causes else {})


def show(capability: Capability) -> str:
    """A capability for a message; caveats only by name, since their values may be large."""
    caveats = "" if not capability.nb else f" with caveats {', '.join(sorted(capability.nb))}"
    return f"{capability.can} on {capability.resource}{caveats}"[:MAX_ECHO_CHARS]


def invalid_audience(expected: str, got: str) -> Failure:
    return Failure("InvalidAudience", f"Expected audience {expected} instead got {got}")


def handler_not_found(capability: Capability) -> Failure:
    shown: dict[str, Value] = {"can": capability.can, "with": capability.resource}
    message = f'service does not implement {{can: "{capability.can[:MAX_ECHO_CHARS]}"}} handler'
    return Failure("HandlerNotFound", message, details={"error": True, "capability": shown})


def invocation_capability_error(count: int) -> Failure:
    message = f"Invocation is required to have a single capability, not {count}."
    return Failure("InvocationCapabilityError", message, details={"error": True})


def expired(proof: str, ucan: Ucan) -> Failure:
    at = ucan.expires_at_unix
    assert at is not None, "what never expires has not expired"
    return Failure("Expired", f"Proof {proof} has expired on {_time(at)}", details={"expiredAt": at})


def not_valid_before(proof: str, ucan: Ucan) -> Failure:
    at = ucan.not_before_unix
    assert at is not None, "what is always valid is not early"
    message = f"Proof {proof} is not valid before {_time(at)}"
    return Failure("NotValidBefore", message, details={"validAt": at})


def _time(at_unix_s: int) -> str:
    try:
        return datetime.fromtimestamp(at_unix_s, UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        return f"{at_unix_s} seconds after 1970"
