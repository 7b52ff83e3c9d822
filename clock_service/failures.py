"""Our errors as failures in a receipt: the name is the class's, the values come along as fields."""

from __future__ import annotations

from clock_service.errors import (
    ClockServiceError,
    HeadMoved,
    MissingAncestors,
    NotPermitted,
    OverLimit,
    WrongRoot,
)
from pail import Value
from ucan import Failure


def failure_of(error: ClockServiceError) -> Failure:
    """What the caller is told; nothing of the machine is in it."""
    return Failure(type(error).__name__, str(error), details=_details(error))


def _details(error: ClockServiceError) -> dict[str, Value]:
    match error:
        case MissingAncestors():
            return {"missing": list(error.missing), "count": error.count}
        case HeadMoved():
            return {"head": list(error.head)}
        case WrongRoot():
            return {"stated": error.stated, "computed": error.computed}
        case NotPermitted():
            return {"key": error.key}
        case OverLimit():
            return {"limit": error.limit, "wanted": error.wanted}
        case _:
            return {}
