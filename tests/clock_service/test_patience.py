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


MUCH = b"here" * (1 << 21)


async def answer(request: Request) -> Response:
    return Response("here")


async def answer_much(request: Request) -> Response:
    return Response(MUCH)


@contextlib.asynccontextmanager
async def listening() -> AsyncGenerator[tuple[int, ServerState]]:
    config = uvicorn.Config(
        Starlette(routes=[Route("/", answer, methods=["GET", "POST"]), Route("/much", answer_much)]),
        log_config=None,
        lifespan="off",
        timeout_keep_alive=20,
    )
    state = ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: ImpatientProtocol(config, state, {}), "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], state


async def ask(port: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(ASKED)
    head = await reader.readuntil(b"\r\n\r\n")
    writer.close()
    return head


async def say(*parts: bytes) -> bytes:
    """All that comes back until the connection is closed; each part but the first follows an answer."""
    async with listening() as (port, _), asyncio.timeout(10):
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


UNFINISHED = b"GET / HTTP/1.1\r\nhost: clock.test\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n"


def test_a_request_that_was_answered_before_its_end_does_not_go_on_for_ever(monkeypatch) -> None:
    monkeypatch.setattr(patience, "HEADERS_TIMEOUT_S", 0.05)
    assert asyncio.run(say(UNFINISHED)).count(b"HTTP/1.1 200") == 1


@pytest.mark.parametrize("part", [b"0\r\n" + b"x: y\r\n" * 15_000, b"0\r\nx: " + b"x" * 80_000])
def test_endless_trailers_are_refused_before_they_fill_the_memory(part: bytes) -> None:
    assert asyncio.run(say(UNFINISHED, part)).endswith(b"bytes.")


def test_who_does_not_take_the_answer_is_let_go(monkeypatch) -> None:
    monkeypatch.setattr(patience, "SEND_TIMEOUT_S", 0.05)

    async def ask_and_not_read() -> bytes:
        async with listening() as (port, state), asyncio.timeout(10):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
            writer.write(b"GET /much HTTP/1.1\r\nhost: clock.test\r\n\r\n")
            came = await reader.readexactly(1)
            while state.connections:  # noqa: ASYNC110 - uvicorn has no event for that
                await asyncio.sleep(0.01)
            with contextlib.suppress(ConnectionResetError):
                came += await reader.read()
            writer.close()
            return came

    assert 0 < len(asyncio.run(ask_and_not_read())) < len(MUCH)


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


POSTED = b"POST / HTTP/1.1\r\nhost: clock.test\r\ncontent-length: 5\r\n\r\nhel"


@pytest.mark.parametrize("said", [b"", ASKED, UNFINISHED, POSTED])
def test_past_the_limit_the_oldest_that_waits_for_its_client_goes_and_others_are_answered(
    monkeypatch, said: bytes
) -> None:
    monkeypatch.setattr(patience, "MAX_CONNECTIONS", 5)

    async def crowd() -> bytes:
        async with listening() as (port, _), asyncio.timeout(10):
            slow = [await asyncio.open_connection("127.0.0.1", port) for _ in range(50)]
            for _, writer in slow:
                writer.write(said)
            answered = await ask(port)
            oldest = [asyncio.create_task(reader.read()) for reader, _ in slow[:40]]
            await asyncio.gather(*oldest, return_exceptions=True)  # each ends, or the time is over
            for _, writer in slow:
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
    monkeypatch.setattr(intake, "LARGE_BYTES", 8)
    monkeypatch.setattr(intake, limit, value)
    taken = Intake()
    with pytest.raises(NotReceived) as caught:
        read(taken, body)
    assert (caught.value.status, taken.held_bytes) == (status, 0)


def test_slow_large_bodies_do_not_keep_small_ones_out(monkeypatch) -> None:
    monkeypatch.setattr(intake, "MAX_HELD_BYTES", 8)
    monkeypatch.setattr(intake, "LARGE_BYTES", 8)

    async def crowd() -> bytes:
        taken = Intake()
        async with taken.body(Body(b"large 1!")), taken.body(Body(b"small")) as content:  # type: ignore[arg-type]
            return content

    assert asyncio.run(crowd()) == b"small"


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
