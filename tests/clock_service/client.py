"""A client of a service over a store, at a fixed time, and the name of the error that it got."""

from clock_service import ClockService, Guard, Limits, Policy, Provision, Store
from clock_service.app import ClockApp
from tests.clock_service.calls import SERVICE, Caller


def caller(store: Store, guard: Guard = Guard.WHEN_POSSIBLE, provision: Provision = Provision.OPEN) -> Caller:
    policy = Policy(provision, Limits(), guard)
    return Caller(ClockApp(ClockService(store, policy), SERVICE, now=lambda: 1_800_000_000))


def error_of(out) -> str:
    return out["error"]["name"]
