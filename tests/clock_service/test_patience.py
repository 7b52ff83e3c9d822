"""Connections that ask for nothing cost little, and not for long."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from uvicorn.server import ServerState

from clock_service import intake, patience
from clock_service.intake import Intake, NotReceived
from clock_service.patience import ImpatientProtocol

ASKED = b"GET / HTTP/1.1\r\nhost: clock.test\r\n\r\n"


async def answer(request: Request) -> Response:
    return Response("here")


@contextlib.asynccontextmanager
async def listening() -> AsyncGenerator[int]:
    config = uvicorn.Config(
        Starlette(routes=[Route("/", answer)]), log_config=None, lifespan="off", timeout_keep_alive=20
    )
    state = ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: ImpatientProtocol(config, state, {}), "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def ask(port: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(ASKED)
    head = await reader.readuntil(b"\r\n\r\n")
    writer.close()
    return head


async def say(*parts: bytes) -> bytes:
    """All that comes back until the connection is closed; each part but the first follows an answer."""
    async with listening() as port, asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        came = b""
        for part in parts[:-1]:
            writer.write(part)
            came += await reader.readuntil(b"here")
        writer.write(parts[-1])
        with contextlib.suppress(ConnectionResetError):  # it read no further
            came += await reader.read()
        writer.close()
        return came


PARTIAL = b"POST / HTTP/1.1\r\nhost: clock"


@pytest.mark.parametrize(
    ("before", "said"),
    [((), b""), ((), b"\r\n"), ((), PARTIAL), ((ASKED,), b"\r\n"), ((ASKED,), PARTIAL)],
)
def test_a_connection_that_does_not_get_to_its_request_is_closed(monkeypatch, before, said: bytes) -> None:
    monkeypatch.setattr(patience, "HEADERS_TIMEOUT_S", 0.05)
    assert asyncio.run(say(*before, said)).count(b"HTTP/1.1 200") == len(before)


@pytest.mark.parametrize("before", [(), (ASKED,)])
@pytest.mark.parametrize("name", [b"x-%d: y\r\n", b"x%d"])
def test_endless_headers_are_refused_before_they_fill_the_memory(before, name: bytes) -> None:
    endless = b"GET / HTTP/1.1\r\n" + b"".join(name % number for number in range(15_000))
    assert asyncio.run(say(*before, endless)).count(b"HTTP/1.1 200") == len(before)


def test_headers_up_to_the_limit_are_read_also_behind_a_large_body() -> None:
    padding = b"x" * (patience.MAX_HEADERS_BYTES - 100)
    large = b"GET / HTTP/1.1\r\ncontent-length: 300000\r\n\r\n" + bytes(300_000)
    long = b"GET / HTTP/1.1\r\nx: " + padding + b"\r\nconnection: close\r\n\r\n"
    assert asyncio.run(say(large + long)).count(b"HTTP/1.1 200") == 2


def test_past_the_limit_the_oldest_silent_connection_goes_and_others_are_answered(monkeypatch) -> None:
    monkeypatch.setattr(patience, "MAX_CONNECTIONS", 5)

    async def crowd() -> bytes:
        async with listening() as port, asyncio.timeout(10):
            silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(50)]
            answered = await ask(port)
            oldest = [asyncio.create_task(reader.read()) for reader, _ in silent[:40]]
            await asyncio.gather(*oldest, return_exceptions=True)  # each ends, or the time is over
            for _, writer in silent:
                writer.close()
            return answered

    assert asyncio.run(crowd()).startswith(b"HTTP/1.1 200")


class Body:
    """A request that brings these chunks, and then is silent if `ends` is not set."""

    def __init__(self, *chunks: bytes, ends: bool = True) -> None:
        self._chunks = chunks
        self._ends = ends

    async def stream(self):
        for chunk in self._chunks:
            yield chunk
        if not self._ends:
            await asyncio.Event().wait()


def read(taken: Intake, body: Body) -> bytes:
    async def receive() -> bytes:
        async with taken.body(body) as content:  # type: ignore[arg-type]
            return content

    return asyncio.run(receive())


def test_a_body_counts_as_long_as_it_is_worked_on() -> None:
    taken = Intake()

    async def receive() -> int:
        async with taken.body(Body(b"some", b"thing")) as content:  # type: ignore[arg-type]
            assert content == b"something"
            return taken.held_bytes

    assert (asyncio.run(receive()), taken.held_bytes) == (9, 0)


@pytest.mark.parametrize(
    ("limit", "value", "body", "status"),
    [
        ("MAX_BODY_BYTES", 8, Body(b"some", b"thing"), 413),
        ("MAX_HELD_BYTES", 8, Body(b"some", b"thing"), 503),
        ("BODY_TIMEOUT_S", 0.02, Body(b"some", ends=False), 408),
    ],
)
def test_a_body_that_is_too_much_or_too_slow_is_let_go(monkeypatch, limit, value, body, status) -> None:
    monkeypatch.setattr(intake, limit, value)
    taken = Intake()
    with pytest.raises(NotReceived) as caught:
        read(taken, body)
    assert (caught.value.status, taken.held_bytes) == (status, 0)


def test_large_bodies_are_begun_one_after_the_other_and_small_ones_at_once(monkeypatch) -> None:
    monkeypatch.setattr(intake, "LARGE_BYTES", 4)
    monkeypatch.setattr(intake, "LARGE_BYTES_PER_S", 200)
    taken, begun = Intake(), []

    async def receive(text: bytes) -> None:
        async with taken.body(Body(text)) as content:  # type: ignore[arg-type]
            begun.append(content)

    async def crowd() -> None:
        await asyncio.gather(*(receive(text) for text in (b"large 1", b"large 2", b"s1", b"large 3", b"s2")))

    asyncio.run(crowd())
    assert sorted(begun[:3]) == [b"large 1", b"s1", b"s2"]
    assert begun[3:] == [b"large 2", b"large 3"]
