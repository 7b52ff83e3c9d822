"""What a service's refusal means to people: one sentence for each name, ours and the original's.

Source: @ucanto/validator 10.0.1, error; @ucanto/server 11.0.3, error
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from clock_service.errors import ClockRefused
from ucan import Failure

MAX_SHOWN_CHARS = 400
MAX_READ_CHARS = 4096
MAX_NAME_CHARS = 80
MAX_CAUSES = 16

_MEANINGS: Mapping[str, str] = {
    "Unauthorized": "it does not accept this agent's delegation",
    "InvalidAudience": "it goes by another DID than the one configured",
    "HandlerNotFound": "it is a service of another kind, without clocks",
    "InvocationCapabilityError": "it does not understand the request",
    "HandlerExecutionError": "it failed to do the work",
    "NotProvisioned": "it does not host this space; ask its operator to add the space",
    "OverLimit": "the space has used up what the operator gives it",
}

_CAUSES: Mapping[str, str] = {
    "Expired": "it has expired, by the service's clock",
    "Revoked": "it was revoked",
    "NotValidBefore": "it is not valid yet",
    "EscalatedCapability": "it does not reach that far",
    "InvalidSignature": "its signature is wrong",
    "UnavailableProof": "a proof of it is missing",
    "PrincipalAlignmentError": "it is for another agent",
}

_TOLD_BY_TEXT = {
    "has expired": "Expired",
    "has been revoked": "Revoked",
    "not valid before": "NotValidBefore",
}
"""The original names causes in its message alone."""


def refusal(url: str, failure: Failure) -> ClockRefused:
    """The error of a failure in a receipt. Its words are outside text: bounded, on one line."""
    causes = _causes(failure)
    shown = _line(failure.message)
    meaning = _MEANINGS.get(failure.name)
    why = shown[:MAX_SHOWN_CHARS] if meaning is None else meaning
    because = next((text for name, text in _CAUSES.items() if name in causes), None)
    if because is not None:
        why += f": {because}"
    return ClockRefused(url, f"{why} ({_line(failure.name)[:MAX_NAME_CHARS]})", failure.name, causes)


def _line(text: str) -> str:
    return " ".join("".join(char if char.isprintable() else " " for char in text[:MAX_READ_CHARS]).split())


def _causes(failure: Failure) -> list[str]:
    named: Any = failure.details.get("causes")
    causes = (
        [name for name in cast("list[Any]", named)[:MAX_CAUSES] if isinstance(name, str)]
        if isinstance(named, list)
        else []
    )
    return causes or [name for text, name in _TOLD_BY_TEXT.items() if text in failure.message]
