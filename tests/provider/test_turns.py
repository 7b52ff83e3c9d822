"""Who may send when not all can: nobody keeps others from it, with however many spaces or accounts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from provider import receiving
from provider.capabilities import Blob
from provider.errors import BlobsUnavailable, UploadInterrupted
from provider.records import HostedSpace
from provider.turns import SETTLED_S, Turn, Turns
from provider.upload_url import owner_of
from tests.provider.made import ACCOUNT, OTHER, OTHER_KEY, SPACE, Promise, Provider, digest_of

ONE, TWO, THREE = b"1" * 16, b"2" * 16, b"3" * 16
DATA = b"some bytes"


class Line:
    """Turns, and who has them."""

    def __init__(self, count: int, of_one: int = 8, timeout_s: float = 5) -> None:
        self.now_s = 0.0
        self.turns = Turns(count, of_one, timeout_s, now=lambda: self.now_s)
        self.order: list[bytes] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def take(
        self, payer: bytes, until: asyncio.Event, rate: int = 0, owner: bytes = b"space"
    ) -> Turn | None:
        """Take a turn that ends with the event; the turn, None if it has to be waited for."""
        taken: list[Turn] = []

        async def hold() -> None:
            async with self.turns.turn(payer, owner) as turn:
                turn.done_bytes = rate
                taken.append(turn)
                self.order.append(payer if owner == b"space" else owner)
                await until.wait()

        self._tasks.append(asyncio.create_task(hold()))
        for _ in range(8):
            await asyncio.sleep(0)
        return taken[0] if taken else None

    async def settle(self) -> list[BaseException | None]:
        return await asyncio.gather(*self._tasks, return_exceptions=True)


def run(work: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    async def main() -> None:
        await work(asyncio.Event())

    asyncio.run(main())


def test_who_has_most_gives_way_to_who_has_fewer() -> None:
    async def work(end: asyncio.Event) -> None:
        line = Line(3)
        first, latest = await line.take(ONE, end), await line.take(ONE, end)
        assert await line.take(TWO, end)
        assert await line.take(THREE, end) is None
        assert first
        assert latest
        assert (first.gives_way, latest.gives_way) == (False, True)
        end.set()
        await line.settle()

    run(work)


def test_a_free_turn_goes_to_who_has_fewest_not_to_who_came_first() -> None:
    async def work(end: asyncio.Event) -> None:
        line, over = Line(2), asyncio.Event()
        await line.take(ONE, end)
        await line.take(TWO, over)
        await line.take(ONE, end)
        await line.take(THREE, end)
        over.set()
        await asyncio.sleep(0.01)
        assert line.order == [ONE, TWO, THREE]
        end.set()
        await line.settle()
        assert line.order == [ONE, TWO, THREE, ONE]

    run(work)


def test_where_all_have_one_the_slowest_gives_way_to_who_has_none() -> None:
    async def work(end: asyncio.Event) -> None:
        line = Line(2)
        slow, fast = await line.take(ONE, end, rate=1000), await line.take(TWO, end, rate=9_000_000)
        assert slow
        assert fast
        await line.take(THREE, end)
        assert not slow.gives_way  # nobody knows yet
        line.now_s = SETTLED_S
        await line.take(b"4" * 16, end)
        assert (slow.gives_way, fast.gives_way) == (True, False)
        end.set()
        await line.settle()

    run(work)


def test_where_all_have_one_nobody_gives_way_to_who_has_one() -> None:
    async def work(end: asyncio.Event) -> None:
        line = Line(2)
        slow = await line.take(TWO, end, rate=1000)
        await line.take(ONE, end, rate=9_000_000)
        line.now_s = SETTLED_S
        assert await line.take(ONE, end) is None
        assert slow
        assert not slow.gives_way
        end.set()
        await line.settle()

    run(work)


def test_one_has_no_more_than_his_share_and_waits_for_a_time() -> None:
    async def work(end: asyncio.Event) -> None:
        line = Line(3, of_one=1, timeout_s=0.02)
        assert await line.take(ONE, end)
        assert await line.take(ONE, end) is None
        assert await line.take(TWO, end)
        await asyncio.sleep(0.05)
        end.set()
        assert [type(each) for each in await line.settle()] == [type(None), BlobsUnavailable, type(None)]
        assert await line.take(ONE, end)  # nothing was lost by that
        assert await line.take(TWO, end)
        assert await line.take(THREE, end)

    run(work)


def test_among_the_spaces_of_one_account_who_has_most_gives_way() -> None:
    async def work(end: asyncio.Event) -> None:
        line = Line(9, of_one=2)
        _, latest = await line.take(ONE, end, owner=b"a"), await line.take(ONE, end, owner=b"a")
        assert await line.take(ONE, end, owner=b"b") is None
        assert latest
        assert latest.gives_way
        assert await line.take(TWO, end)
        end.set()
        await line.settle()

    run(work)


def test_among_the_spaces_of_one_account_a_turn_goes_to_who_has_fewest() -> None:
    async def work(end: asyncio.Event) -> None:
        line, over = Line(9, of_one=2), asyncio.Event()
        await line.take(ONE, end, owner=b"a")
        await line.take(ONE, over, owner=b"b")
        await line.take(ONE, end, owner=b"a")
        await line.take(ONE, end, owner=b"c")
        over.set()
        await asyncio.sleep(0.01)
        assert line.order == [b"a", b"b", b"c"]
        end.set()
        await line.settle()

    run(work)


def test_the_spaces_of_one_account_share_its_turns(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiving, "MAX_UPLOADS_OF_ONE", 1)
    monkeypatch.setattr(receiving, "TURN_TIMEOUT_S", 0.05)
    for space in (SPACE, OTHER):
        asyncio.run(provider.store.host(HostedSpace(space, ACCOUNT, 1000)))
    provider = Provider(provider.store, provider.blobs)
    mine = provider.promise(DATA)
    also_mine = provider.promise(b"other", issuer=OTHER_KEY, resource=OTHER)
    assert isinstance(mine, Promise)
    assert isinstance(also_mine, Promise)

    async def work() -> list[int]:
        go_on = asyncio.Event()

        async def stalled():
            yield DATA[:1]
            await go_on.wait()
            yield DATA[1:]

        first = asyncio.create_task(provider.ask("PUT", mine.url, content=stalled()))
        await asyncio.sleep(0.02)
        second = await provider.ask("PUT", also_mine.url, content=b"other")
        go_on.set()
        return [second.status_code, (await first).status_code]

    assert asyncio.run(work()) == [503, 200]


def test_an_upload_that_gives_way_is_told(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiving, "MAX_UPLOADS", 2)
    receiver = receiving.Receiver(provider.store, provider.blobs)
    provider.promise(DATA)
    mine = owner_of(SPACE)

    async def dripping():
        for _ in range(1000):
            yield b"x"
            await asyncio.sleep(0.01)

    async def honest():
        yield DATA

    async def work() -> list[object]:
        blob = Blob(digest_of(bytes(1000)), 1000)
        slow = [asyncio.create_task(receiver.receive(blob, dripping(), each, ONE)) for each in (ONE, TWO)]
        await asyncio.sleep(0.1)
        await receiver.receive(Blob(digest_of(DATA), len(DATA)), honest(), mine, mine)
        slow[0].cancel()
        return await asyncio.gather(*slow, return_exceptions=True)

    first, second = asyncio.run(work())
    assert isinstance(first, asyncio.CancelledError)
    assert isinstance(second, UploadInterrupted)
