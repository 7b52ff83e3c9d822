"""What becomes of an account whose run failed."""

from __future__ import annotations

import pytest

from backup_agent.errors import AccountNotFound, AgentError, HostUnreachable, RateLimited
from backup_agent.identity_errors import DidTombstoned, DirectoryUnreachable
from backup_agent.server.errors import Lapsed, NoLongerAllowed, OutOfTime, UsedUp, Wait, WrongPlace
from backup_agent.server.schedule import MAX_FAILURES, State, backoff_ms, next_on_grid
from backup_agent.server.verdict import DAY_MS, MAX_PASSING_FAILURES, Verdict, judge
from clock_service.errors import ClockRefused, ClockUnreachable, StoreUnavailable
from space import SpaceFull

HOST = "pds.example.com"
NOW_MS = 1_800_000_123_456
HOUR_S = 3600


def verdict(error: Exception, failures: int = 0, every_s: int = HOUR_S, left_s: int = 0) -> Verdict:
    ends = NOW_MS // 1000 + left_s
    return judge(error, host=HOST, every_s=every_s, expires_s=ends, failures=failures, now_ms=NOW_MS)


PASSING = [
    HostUnreachable(HOST, "silent"),
    DirectoryUnreachable("plc.example.com", "silent"),
    ClockUnreachable("https://clock.example.com", "is silent"),
    ClockRefused("https://clock.example.com", "moved", "HeadMoved"),
    SpaceFull("full"),
    TimeoutError(),
    OutOfTime(4 * 3600.0),
]


@pytest.mark.parametrize("error", PASSING, ids=lambda error: type(error).__name__)
def test_what_may_pass_is_tried_again_for_long(error: Exception) -> None:
    first = verdict(error)
    assert (first.state, first.next_due, first.failures) == (State.ACTIVE, NOW_MS + 60_000, 1)
    assert verdict(error, MAX_PASSING_FAILURES - 2).state is State.ACTIVE
    parked = verdict(error, MAX_PASSING_FAILURES - 1)
    assert parked.state is State.PARKED
    assert str(MAX_PASSING_FAILURES) in parked.reason


@pytest.mark.parametrize("error", [AccountNotFound("did:plc:a", HOST), AgentError("odd"), ValueError("bug")])
def test_what_stays_is_tried_a_few_times(error: Exception) -> None:
    assert verdict(error, MAX_FAILURES - 2).state is State.ACTIVE
    assert verdict(error, MAX_FAILURES - 1).state is State.PARKED


@pytest.mark.parametrize("error", [WrongPlace("another space"), DidTombstoned("did:plc:a")])
def test_what_only_the_owner_can_mend_is_parked_at_once(error: Exception) -> None:
    assert (verdict(error).state, verdict(error).reason) == (State.PARKED, str(error))


@pytest.mark.parametrize(("cause", "state"), [("Expired", State.LAPSED), ("Revoked", State.ENDED)])
def test_a_delegation_that_the_clock_takes_no_more_ends_it(cause: str, state: State) -> None:
    error = ClockRefused("https://clock.example.com", "no", "Unauthorized", [cause])
    assert verdict(error).state is state


def test_what_has_ended_by_the_servers_own_time_may_come_back() -> None:
    assert verdict(Lapsed("it is 2099")).state is State.LAPSED


def test_a_machine_whose_clock_is_wrong_ends_no_schedule() -> None:
    error = ClockRefused("https://clock.example.com", "no", "Unauthorized", ["Expired"])
    found = verdict(error, left_s=86_400)
    assert (found.state, found.failures) == (State.ACTIVE, 1)
    assert "clocks is wrong" in found.reason
    assert verdict(error, MAX_FAILURES, left_s=86_400).state is State.ACTIVE


def test_clocks_that_differ_by_less_than_a_minute_are_no_fault() -> None:
    error = ClockRefused("https://clock.example.com", "no", "Unauthorized", ["Expired"])
    assert verdict(error, left_s=59).state is State.LAPSED
    assert verdict(error, left_s=61).state is State.ACTIVE


def test_a_host_that_asks_to_be_left_for_ever_is_asked_again_after_a_day() -> None:
    found = verdict(RateLimited(HOST, 10.0**11))
    assert (found.next_due, found.host_wait_s) == (NOW_MS + DAY_MS, 86_400.0)


def test_what_the_server_itself_finds_revoked_ends_it() -> None:
    assert verdict(NoLongerAllowed("revoked")).state is State.ENDED


def test_waiting_is_no_failure() -> None:
    waiting = verdict(Wait("busy", 15), failures=3)
    assert (waiting.state, waiting.next_due, waiting.failures) == (State.ACTIVE, NOW_MS + 15_000, 3)
    assert not waiting.is_failure


def test_that_the_servers_database_is_away_is_nobodys_failure_and_no_news_of_its_machines() -> None:
    away = verdict(StoreUnavailable("PostgreSQL: no connection to db.internal"), failures=3)
    assert (away.state, away.next_due, away.failures) == (State.ACTIVE, NOW_MS + 60_000, 3)
    assert not away.is_failure
    assert "db.internal" not in away.reason


def test_a_used_up_space_goes_on_the_next_day() -> None:
    due = verdict(UsedUp("runs")).next_due
    assert due is not None
    assert due % DAY_MS == 0
    assert NOW_MS < due <= NOW_MS + DAY_MS


def test_a_rate_limit_lets_the_whole_host_wait_as_long_as_it_says() -> None:
    limited = verdict(RateLimited(HOST, 200.0), failures=2)
    assert (limited.next_due, limited.host_wait_s, limited.failures) == (NOW_MS + 200_000, 200.0, 2)
    assert limited.host_fault


def test_another_hosts_fault_is_not_this_hosts() -> None:
    assert verdict(HostUnreachable(HOST, "silent")).host_fault
    assert verdict(HostUnreachable("elsewhere.example.com", "silent")).host_fault is None
    assert verdict(RateLimited("elsewhere.example.com", 5.0)).host_fault is None


def test_backoff_grows_to_the_period_and_no_further() -> None:
    waits = [backoff_ms(failures, HOUR_S) // 60_000 for failures in range(1, 9)]
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    assert backoff_ms(10_000, HOUR_S) == HOUR_S * 1000


def test_each_account_keeps_its_own_time_and_they_are_spread() -> None:
    moments = {next_on_grid("did:key:z6Mk", f"did:plc:{n}", 86_400, NOW_MS) for n in range(1000)}
    assert len(moments) == 1000
    assert all(NOW_MS < moment <= NOW_MS + DAY_MS for moment in moments)
    hours = {(moment - NOW_MS) // 3_600_000 for moment in moments}
    assert hours == set(range(24))
    one = next_on_grid("did:key:z6Mk", "did:plc:1", 86_400, NOW_MS)
    assert next_on_grid("did:key:z6Mk", "did:plc:1", 86_400, one) == one + DAY_MS
    assert next_on_grid("did:key:z6Mk", "did:plc:1", 86_400, one - 1) == one
