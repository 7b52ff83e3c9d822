"""Where a request goes, and what goes with it: redirects under guard, credentials, cookies, proxies."""

import asyncio

import pytest

from backup_agent.errors import HostError, HostRefused
from backup_agent.net import Answer, Http, Request, client
from backup_agent.secret import Secret
from tests.backup_agent.net.asking import fetch, visit
from tests.backup_agent.net.host import Answerer, Asked, Host, Time, http_in, reply, serving

TOKEN = Secret("hunter2")


def redirecting(location: str, status: int = 302) -> Answerer:
    return lambda asked: reply(status, location=location) if asked.path == "/x" else reply(200, b"there")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_followed(status: int) -> None:
    answer, host = fetch(redirecting("/y", status), token=TOKEN)
    assert isinstance(answer, Answer)
    assert answer.content == b"there"
    assert host.asked[1].headers["authorization"] == "Bearer hunter2"


def test_redirects_end() -> None:
    error, host = fetch(redirecting("/x"))
    assert isinstance(error, HostError)
    assert "redirects more than" in str(error)
    assert len(host.asked) == client.MAX_REDIRECTS + 1


@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/latest/meta-data",
        "https://10.0.0.1/",
        "https://[::ffff:7f00:1]/",
        "http://example.com/",
        "//2130706433/",
        "file:///etc/passwd",
        "https://me:secret@example.com/",
        "https://example.com:22/",
        "\\\\evil",
        "https://" + "a" * 5000,
    ],
)
def test_a_redirect_is_guarded_as_the_first_request_is(location: str) -> None:
    error, host = fetch(redirecting(location))
    assert isinstance(error, HostRefused | HostError)
    assert len(host.asked) == 1


def test_credentials_stay_with_their_origin() -> None:
    async def main() -> tuple[Host, Host]:
        async with (
            serving(lambda _: reply()) as other,
            serving(lambda _: reply(302, location=other.url + "/y")) as first,
            http_in(Time()) as http,
        ):
            await http.fetch(Request(first.url, token=TOKEN))
        return first, other

    first, other = asyncio.run(main())
    assert first.asked[0].headers["authorization"] == "Bearer hunter2"
    assert "authorization" not in other.asked[0].headers


def test_a_post_follows_no_redirect() -> None:
    answer, host = fetch(redirecting("/y", 307), body=b"password")
    assert isinstance(answer, Answer)
    assert (answer.status, len(host.asked)) == (307, 1)


def test_cookies_are_not_kept() -> None:
    async def twice(http: Http, host: Host) -> None:
        for _ in range(2):
            await http.fetch(Request(host.url))

    _, host = visit(lambda _: reply(set_cookie="track=me"), twice)
    assert len(host.asked) == 2
    assert not any("cookie" in asked.headers for asked in host.asked)


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    answer, _ = fetch(lambda _: reply(200, b"direct"))
    assert isinstance(answer, Answer)


def test_loopback_is_refused_unless_allowed() -> None:
    async def main() -> list[Asked]:
        async with serving(lambda _: reply()) as host, Http() as http:
            with pytest.raises(HostRefused):
                await http.fetch(Request(host.url))
            return host.asked

    assert asyncio.run(main()) == []


def test_no_secret_shows() -> None:
    request = Request("https://a.example/", token=TOKEN, body=b"hunter2")
    assert "hunter2" not in repr(request)
    assert "hunter2" not in f"{TOKEN!r} {TOKEN}"
