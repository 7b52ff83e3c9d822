"""A host whose rate limit is used up is not asked again before the limit resets."""

import asyncio

import httpx
import pytest

from backup_agent.errors import RateLimited
from backup_agent.net.pace import MAX_PAUSED, Pace
from tests.backup_agent.net.host import Time

URL = httpx.URL("https://pds.example.com/xrpc/a.b.c?did=1")
USED_UP = {"ratelimit-remaining": "0", "ratelimit-reset": "1800000042"}


def before(pace: Pace, url: httpx.URL) -> None:
    asyncio.run(pace.before(url))


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def pace(time: Time) -> Pace:
    return Pace(sleep=time.sleep, now=time.now)


def test_waits_for_the_reset(pace: Pace, time: Time) -> None:
    pace.after(URL, USED_UP)
    before(pace, URL.copy_with(query=b"did=2"))
    assert time.slept == [42.0]


def test_waits_once(pace: Pace, time: Time) -> None:
    pace.after(URL, USED_UP)
    before(pace, URL)
    before(pace, URL)
    assert time.slept == [42.0]


@pytest.mark.parametrize("headers", [{}, {"ratelimit-remaining": "1", "ratelimit-reset": "1800000042"}])
def test_goes_on_while_something_is_left(pace: Pace, time: Time, headers: dict[str, str]) -> None:
    pace.after(URL, headers)
    before(pace, URL)
    assert time.slept == []


@pytest.mark.parametrize(
    "other", ["https://pds.example.com/xrpc/d.e.f", "https://other.example.com/xrpc/a.b.c"]
)
def test_other_methods_and_hosts_are_not_held(pace: Pace, time: Time, other: str) -> None:
    pace.after(URL, USED_UP)
    before(pace, httpx.URL(other))
    assert time.slept == []


def test_a_reset_beyond_our_patience_is_an_error(pace: Pace, time: Time) -> None:
    pace.after(URL, {"ratelimit-remaining": "0", "ratelimit-reset": "86400"})
    with pytest.raises(RateLimited, match="86400 seconds"):
        before(pace, URL)
    assert time.slept == []


def test_what_is_remembered_is_bounded(pace: Pace, time: Time) -> None:
    for n in range(MAX_PAUSED + 1):
        pace.after(URL.copy_with(path=f"/{n}"), USED_UP)
    before(pace, URL.copy_with(path="/0"))
    assert time.slept == []
    before(pace, URL.copy_with(path="/1"))
    assert time.slept == [42.0]
