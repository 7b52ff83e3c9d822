"""Waiting in another thread: results, errors, and one Ctrl-C that ends it."""

import asyncio
import os
import signal
import threading
from collections.abc import Iterator

import pytest

from backup_agent.other_thread import OtherThread


@pytest.fixture
def finish() -> Iterator[OtherThread]:
    other = OtherThread()
    yield other
    other.close()


async def double(number: int) -> int:
    await asyncio.sleep(0)
    return 2 * number


def test_it_gives_what_the_work_gives(finish: OtherThread) -> None:
    async def within_a_loop() -> int:
        return finish(double(2)) + finish(double(3))

    assert asyncio.run(within_a_loop()) == 10


def test_it_raises_what_the_work_raises(finish: OtherThread) -> None:
    async def fail() -> None:
        raise LookupError("nothing")

    with pytest.raises(LookupError, match="nothing"):
        finish(fail())


def test_one_ctrl_c_ends_the_waiting_and_the_work(finish: OtherThread) -> None:
    ended = threading.Event()

    async def endless() -> None:
        asyncio.get_running_loop().call_later(0.1, os.kill, os.getpid(), signal.SIGINT)
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def within_a_loop() -> None:
        finish(endless())

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(within_a_loop())
    assert ended.wait(10)


def test_closing_ends_what_is_under_way() -> None:
    other, ended = OtherThread(), threading.Event()

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    asker = threading.Thread(target=_quietly, args=(other, endless()))
    asker.start()
    other(double(1))  # so `endless` has begun
    other.close()
    asker.join(10)
    assert ended.is_set()


def _quietly(other: OtherThread, work: object) -> None:
    with pytest.raises(BaseException):  # noqa: B017 - a cancelled future; which one is not the matter
        other(work)  # type: ignore[arg-type]
