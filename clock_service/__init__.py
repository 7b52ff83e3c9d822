"""Where the head lives: clocks of many spaces, kept durably, moved only by events that can be read."""

from clock_service.errors import ClockServiceError, Refused, StoreUnavailable
from clock_service.open_store import open_store
from clock_service.policy import Caveats, Guard, Limits, Policy, Provision, Registration
from clock_service.service import ClockService
from clock_service.store import Known, Revocation, Store

__all__ = [
    "Caveats",
    "ClockService",
    "ClockServiceError",
    "Guard",
    "Known",
    "Limits",
    "Policy",
    "Provision",
    "Refused",
    "Registration",
    "Revocation",
    "Store",
    "StoreUnavailable",
    "open_store",
]
