"""Answers of hosts we do not trust: bounded in size and time, waited for, tried again."""

import asyncio
import gzip
from collections.abc import AsyncIterator

import pytest

from backup_agent.errors import HostError, HostUnreachable, RateLimited, ResponseTooLarge
from backup_agent.net import Answer, Http, Request, client
from backup_agent.net.retry import MAX_ATTEMPTS
from tests.backup_agent.net.asking import fetch, visit
from tests.backup_agent.net.host import Answerer, Host, Time, http_in, reply, serving


def turns(*answers: bytes) -> Answerer:
    """The answers one after the other, the last for ever."""
    left = list(answers)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


async def read(http: Http, url: str, limit_bytes: int = 1 << 20) -> bytes:
    async with http.stream(Request(url, limit_bytes=limit_bytes)) as stream:
        return b"".join([chunk async for chunk in stream.chunks])


def test_a_document() -> None:
    answer, host = fetch(lambda _: reply(200, b"hello", x_y="z"), params={"did": "did:plc:a b"})
    assert isinstance(answer, Answer)
    assert (answer.status, answer.content, answer.headers["x-y"]) == (200, b"hello", "z")
    assert host.asked[0].params == {"did": "did:plc:a b"}


def test_nothing_is_compressed() -> None:
    _, host = fetch(lambda _: reply())
    assert host.asked[0].headers["accept-encoding"] == "identity"
    error, _ = fetch(lambda _: reply(200, gzip.compress(bytes(1 << 20)), content_encoding="gzip"))
    assert isinstance(error, HostError)
    assert "compresses" in str(error)


def test_other_statuses_are_answers() -> None:
    answer, host = fetch(lambda _: reply(404, b"gone"))
    assert isinstance(answer, Answer)
    assert (answer.status, len(host.asked)) == (404, 1)


def test_server_errors_are_waited_for() -> None:
    time = Time()
    answer, host = fetch(turns(reply(500), reply(503), reply(502), reply(200, b"at last")), time)
    assert isinstance(answer, Answer)
    assert answer.content == b"at last"
    assert (len(host.asked), time.slept) == (4, [0.5, 1.0, 2.0])


def test_server_errors_for_ever_are_an_error() -> None:
    error, host = fetch(lambda _: reply(500))
    assert isinstance(error, HostError)
    assert (error.status, len(host.asked)) == (500, MAX_ATTEMPTS)


def test_a_wait_that_a_429_asks_for() -> None:
    time = Time()
    answer, _ = fetch(turns(reply(429, retry_after="17"), reply(200, b"yes")), time)
    assert isinstance(answer, Answer)
    assert time.slept == [17.5]


def test_a_reset_that_a_429_names_is_waited_for_once() -> None:
    time = Time()
    limited = reply(429, ratelimit_limit="10", ratelimit_remaining="0", ratelimit_reset="1800000042")
    answer, _ = fetch(turns(limited, reply(200, b"yes")), time)
    assert isinstance(answer, Answer)
    assert time.slept == [42.5]


def test_a_429_for_ever_is_an_error() -> None:
    error, _ = fetch(lambda _: reply(429, retry_after="1"))
    assert isinstance(error, RateLimited)
    assert "too many requests" in str(error)


def test_a_used_up_limit_is_waited_out_before_the_next_request() -> None:
    time = Time()
    last = reply(200, ratelimit_remaining="0", ratelimit_reset="1800000042")

    async def twice(http: Http, host: Host) -> None:
        await http.fetch(Request(host.url + "/x"))
        await read(http, host.url + "/x")

    visit(turns(last, reply()), twice, time)
    assert time.slept == [42.0]


def test_a_dropped_connection_is_tried_again() -> None:
    answer, host = fetch(turns(b"", reply(200, b"half", length=8), reply(200, b"whole")))
    assert isinstance(answer, Answer)
    assert (answer.content, len(host.asked)) == (b"whole", 3)


def test_a_chunked_body_cut_short_is_a_dropped_connection() -> None:
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    error, _ = visit(lambda _: head + b"4\r\nhalf\r\n", lambda http, host: read(http, host.url))
    assert isinstance(error, HostUnreachable)
    assert "dropped" in str(error)


@pytest.mark.parametrize(
    "noise",
    [
        b"\x00\x01\x02\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 40000,
    ],
)
def test_what_is_not_http(noise: bytes) -> None:
    error, _ = fetch(lambda _: noise)
    assert isinstance(error, HostUnreachable)


def test_a_dead_host() -> None:
    time = Time()

    async def main() -> None:
        async with serving(lambda _: reply()) as host:
            url = host.url
        async with http_in(time) as http:
            await http.fetch(Request(url))

    with pytest.raises(HostUnreachable, match="no connection"):
        asyncio.run(main())
    assert len(time.slept) == MAX_ATTEMPTS - 1


def test_a_document_larger_than_its_limit() -> None:
    answer, _ = fetch(lambda _: reply(200, bytes(100)), limit_bytes=100)
    assert isinstance(answer, Answer)
    error, host = fetch(lambda _: reply(200, bytes(101)), limit_bytes=100)
    assert isinstance(error, ResponseTooLarge)
    assert len(host.asked) == 1


def test_an_endless_body_is_cut() -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        yield b"HTTP/1.1 200 OK\r\n\r\n"
        while True:
            sent += 65536
            yield bytes(65536)

    error, _ = visit(lambda _: endless(), lambda http, host: read(http, host.url, 1 << 20))
    assert isinstance(error, ResponseTooLarge)
    assert sent < 64 << 20


async def drip() -> AsyncIterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n"
    while True:
        await asyncio.sleep(0.002)
        yield b"x"


def test_a_document_that_drips_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "DOCUMENT_DEADLINE_S", 0.05)
    error, host = fetch(lambda _: drip())
    assert isinstance(error, HostUnreachable)
    assert "no answer within" in str(error)
    assert len(host.asked) == MAX_ATTEMPTS


def test_headers_that_drip_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "HEADERS_DEADLINE_S", 0.05)

    async def headers() -> AsyncIterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\n"
        while True:
            await asyncio.sleep(0.002)
            yield b"a: b\r\n"

    error, _ = visit(lambda _: headers(), lambda http, host: read(http, host.url))
    assert isinstance(error, HostUnreachable)


def test_a_stream_that_drips_is_given_up() -> None:
    readings = iter(range(10_000))

    async def main() -> None:
        async with (
            serving(lambda _: drip()) as host,
            http_in(Time(), clock=lambda: 10.0 * next(readings)) as http,
        ):
            await read(http, host.url)

    with pytest.raises(HostUnreachable, match="fewer than 256 bytes a second"):
        asyncio.run(main())


def test_a_silent_host_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_TIMEOUT", 0.05)

    async def silent() -> AsyncIterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc"
        await asyncio.Event().wait()

    error, _ = visit(lambda _: silent(), lambda http, host: read(http, host.url))
    assert isinstance(error, HostUnreachable)
    assert "silent" in str(error)


def test_leaving_a_stream_early_closes_it() -> None:
    async def first(http: Http, host: Host) -> bytes:
        async with http.stream(Request(host.url, limit_bytes=1 << 20)) as stream:
            return await anext(stream.chunks)

    chunk, _ = visit(lambda _: drip(), first)
    assert chunk
