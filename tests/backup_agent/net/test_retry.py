"""Trying again: only what may help, with backoff, jitter and the wait the host asks for."""

import asyncio
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest

from backup_agent.errors import AgentError, HostError, HostUnreachable, RateLimited
from backup_agent.net.retry import MAX_ASKED_WAIT_S, MAX_ATTEMPTS, Retry, asked_wait_s
from tests.backup_agent.net.host import Time

NOW = 1_800_000_000.0


def run(faults: list[AgentError], time: Time, chance: float = 1.0) -> int:
    """The number of attempts made until one succeeds, when the first ones fail so."""
    attempts = 0

    async def attempt() -> int:
        nonlocal attempts
        attempts += 1
        if attempts <= len(faults):
            raise faults[attempts - 1]
        return attempts

    return asyncio.run(Retry(sleep=time.sleep, chance=lambda: chance).run(attempt))


def test_success_waits_for_nothing() -> None:
    time = Time()
    assert run([], time) == 1
    assert time.slept == []


def test_backoff_doubles() -> None:
    time = Time()
    assert run([HostUnreachable("h", "dead")] * 4, time) == 5
    assert time.slept == [0.5, 1.0, 2.0, 4.0]


def test_jitter_takes_off_up_to_half() -> None:
    time = Time()
    run([HostUnreachable("h", "dead")] * 2, time, chance=0.0)
    assert time.slept == [0.25, 0.5]


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_transient_statuses_are_tried_again(status: int) -> None:
    assert run([HostError("h", "wrong", status=status)], Time()) == 2


@pytest.mark.parametrize("status", [0, 400, 401, 403, 404, 501])
def test_others_are_not(status: int) -> None:
    time = Time()
    with pytest.raises(HostError):
        run([HostError("h", "wrong", status=status)], time)
    assert time.slept == []


def test_the_last_error_is_raised_when_attempts_are_used_up() -> None:
    time = Time()
    with pytest.raises(HostUnreachable, match="the last"):
        run([HostUnreachable("h", "dead")] * (MAX_ATTEMPTS - 1) + [HostUnreachable("h", "the last")], time)
    assert len(time.slept) == MAX_ATTEMPTS - 1


def test_the_wait_asked_for_is_kept() -> None:
    time = Time()
    assert run([RateLimited("h", 120.0)], time) == 2
    assert time.slept == [120.5]


def test_a_wait_longer_than_our_patience_ends_the_attempts() -> None:
    time = Time()
    with pytest.raises(RateLimited, match="331 seconds"):
        run([RateLimited("h", MAX_ASKED_WAIT_S + 1)], time)
    assert time.slept == []


def test_whoever_watches_is_told_of_each_wait() -> None:
    told: list[float] = []
    fault = HostUnreachable("h", "dead")
    time = Time()

    async def attempt() -> None:
        if not told:
            raise fault

    retry = Retry(sleep=time.sleep, chance=lambda: 1.0, on_wait=lambda wait_s, _: told.append(wait_s))
    asyncio.run(retry.run(attempt))
    assert told == time.slept == [0.5]


def in_seconds(seconds: float) -> str:
    return format_datetime(datetime.fromtimestamp(NOW + seconds, UTC), usegmt=True)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"retry-after": "17"}, 17.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": in_seconds(90)}, 90.0),
        ({"retry-after": in_seconds(-90)}, 0.0),
        ({"retry-after": "Fri, 15 Jan 2027 08:01:00 -0000"}, 60.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "9" * 400}, None),
        ({"retry-after": "Mon, 99 Foo 9999 99:99:99 GMT"}, None),
        ({"ratelimit-reset": "1800000042"}, 42.0),
        ({"ratelimit-reset": "1799999999"}, 0.0),
        ({"ratelimit-reset": "30"}, 30.0),
        ({"ratelimit-reset": "x"}, None),
        ({"retry-after": "5", "ratelimit-reset": "30"}, 5.0),
        ({"retry-after": "soon", "ratelimit-reset": "30"}, 30.0),
    ],
)
def test_the_wait_that_headers_ask_for(headers: dict[str, str], expected: float | None) -> None:
    assert asked_wait_s(headers, NOW) == expected
