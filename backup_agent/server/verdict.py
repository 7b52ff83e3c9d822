"""What a failed run means for its account: to be tried again, to wait, to be parked or at its end. Pure.

What may pass is tried again, ever more slowly, for a long time; what stays is tried a few times; what
only the owner can mend is not tried again at all until they did.
"""

from __future__ import annotations

from typing import NamedTuple

from backup_agent.errors import AgentError, HostError, HostUnreachable, RateLimited
from backup_agent.hosted.asking import ProviderRefused
from backup_agent.identity_errors import DidTombstoned, DirectoryUnreachable
from backup_agent.server.errors import Lapsed, NoLongerAllowed, PlaceRefused, UsedUp, Wait, WrongPlace
from backup_agent.server.schedule import MAX_FAILURES, State, backoff_ms
from clock_service.errors import ClockRefused, ClockUnreachable, NotDelegated, StoreUnavailable
from space import NoSpace, SpaceError

MAX_PASSING_FAILURES = 24
"""Runs in a row that failed for a reason which passes by itself: days, for most schedules."""

RATE_LIMIT_WAIT_S = 60.0
"""Where a host says that it was asked too often, and not for how long."""

DAY_MS = 86_400_000
DATABASE_WAIT_MS = 60_000

MAX_ASKED_WAIT_S = 86_400.0
"""A host that asks for more is asked again after a day."""

CLOCK_MARGIN_MS = 60_000


class Verdict(NamedTuple):
    """state: of the account from now on. next_due: None for the next slot as it is. failures: in a row.

    is_failure: False if the account only waits. host_fault: why its host is to be left in peace, and
    host_wait_s for how long, if it said so.
    """

    state: State
    next_due: int | None
    failures: int
    reason: str
    is_failure: bool = True
    host_fault: str | None = None
    host_wait_s: float | None = None


def judge(
    error: Exception, *, host: str | None, every_s: int, expires_s: int, failures: int, now_ms: int
) -> Verdict:
    """What becomes of an account of `host` whose run ended by `error`, with `failures` before it.

    expires_s: when the first of its delegations ends.
    """
    reason = str(error) or type(error).__name__
    match error:
        case Wait():
            return _waiting(now_ms + int(error.wait_s * 1000), failures, reason)
        case StoreUnavailable():  # in its own words it names the operator's machines
            away = "the server's own database was away; it goes on by itself"
            return _waiting(now_ms + DATABASE_WAIT_MS, failures, away)
        case UsedUp():
            return _waiting((now_ms // DAY_MS + 1) * DAY_MS, failures, reason)
        case RateLimited():
            wait_s = min(error.retry_after_s or RATE_LIMIT_WAIT_S, MAX_ASKED_WAIT_S)
            blamed = reason if error.host == host else None
            waiting = _waiting(now_ms + int(wait_s * 1000), failures, reason)
            return waiting._replace(host_fault=blamed, host_wait_s=wait_s)
        case Lapsed():
            return Verdict(State.LAPSED, None, failures, reason)
        case NoLongerAllowed():
            return Verdict(State.ENDED, None, failures, reason)
        case ClockRefused() if "Revoked" in error.causes:
            return Verdict(State.ENDED, None, failures, reason)
        case ClockRefused() if "Expired" in error.causes:
            if now_ms >= expires_s * 1000 - CLOCK_MARGIN_MS:
                return Verdict(State.LAPSED, None, failures, reason)
            return _failed(error, _clocks_differ(error), host, every_s, failures + 1, now_ms)
        case ProviderRefused() if error.name == "Unauthorized":
            return Verdict(State.PARKED, None, failures + 1, reason)
        case NotDelegated() | PlaceRefused() | WrongPlace() | NoSpace() | DidTombstoned():
            return Verdict(State.PARKED, None, failures + 1, reason)
        case _:
            return _failed(error, reason, host, every_s, failures + 1, now_ms)


def _clocks_differ(error: ClockRefused) -> str:
    return (
        f"the clock at {error.url} takes for ended what has not ended by this server's time: one of the two "
        "machines' clocks is wrong; tell their operators"
    )


def _waiting(next_due: int, failures: int, reason: str) -> Verdict:
    return Verdict(State.ACTIVE, next_due, failures, reason, is_failure=False)


def _failed(
    error: Exception, reason: str, host: str | None, every_s: int, failures: int, now_ms: int
) -> Verdict:
    most = MAX_PASSING_FAILURES if _passes(error) else MAX_FAILURES
    state = State.PARKED if failures >= most else State.ACTIVE
    if state is State.PARKED:
        reason = f"{failures} runs in a row failed; the last: {reason}"
    next_due = now_ms + backoff_ms(failures, every_s)
    fault = reason if isinstance(error, HostUnreachable | HostError) and error.transient else None
    blamed = fault if getattr(error, "host", None) == host else None
    return Verdict(state, next_due, failures, reason, host_fault=blamed)


def _passes(error: Exception) -> bool:
    if isinstance(error, AgentError):
        return error.transient or isinstance(error, DirectoryUnreachable)
    if isinstance(error, ClockRefused):
        return error.name in ("HeadMoved", "MissingAncestors", "OverLimit") or "Expired" in error.causes
    return isinstance(error, ClockUnreachable | SpaceError | TimeoutError)
