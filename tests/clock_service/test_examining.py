"""How much is examined at once: one authorized agent does not occupy the service."""

import asyncio
from collections import Counter
from contextlib import suppress

import pytest

from clock_service import examination, service, turns
from clock_service.admission import Findings
from clock_service.errors import Busy
from clock_service.turns import Turns
from tests.clock_service.made import OTHER, SPACE, Author, open_service

THIRD = "did:key:z6MkffDZCkCTWreg8868fG1FGFogcJj5X6PY93pPcWDn9bob"


@pytest.fixture
def most(monkeypatch) -> Counter[str]:
    """The most examinations that ran at one time: of each space, and of "all"."""
    running: Counter[str] = Counter()
    most: Counter[str] = Counter()

    async def examine(store, known, offer, caveats) -> Findings:
        names = (known.clock.space, "all")
        running.update(names)
        for name in names:
            most[name] = max(most[name], running[name])
        for _ in range(50):
            await asyncio.sleep(0)
        running.subtract(names)
        return Findings()

    monkeypatch.setattr(service, "examine", examine)
    return most


def test_one_examination_of_a_clock_and_two_of_the_service_run_at_a_time(store, most) -> None:
    author = Author()
    merges = merge_events(author, 4)
    clocks = open_service(store)

    async def ask() -> None:
        offers = [(space, event) for space in (SPACE, OTHER, THIRD) for event in merges]
        await asyncio.gather(*(clocks.advance(space, event, author.all()) for space, event in offers))

    asyncio.run(ask())
    assert most == {SPACE: 1, OTHER: 1, THIRD: 1, "all": 2}


def merge_events(author: Author, count: int):
    sides = (*author.put((), "a").head, *author.put((), "b").head)
    return [author.put(tuple(sorted(sides)), f"merged/{number}").head[0] for number in range(count)]


def test_an_event_on_one_parent_does_not_wait_for_an_examination(store, most) -> None:
    author = Author()
    plain = [author.put((), f"key/{number}").head[0] for number in range(6)]
    clocks = open_service(store)

    async def ask() -> None:
        await asyncio.gather(*(clocks.advance(SPACE, event, author.all()) for event in plain))

    asyncio.run(ask())
    assert most[SPACE] > 1


@pytest.mark.parametrize(("name", "answered"), [("MAX_WAITING_OF_CLOCK", 2 + 2), ("MAX_WAITING", 2)])
def test_only_so_many_wait(monkeypatch, name: str, answered: int) -> None:
    monkeypatch.setattr(turns, name, 2)
    waiting, done = Turns(), []

    async def take(space: str) -> None:
        with suppress(Busy):
            async with waiting.of(space):
                await asyncio.sleep(0)
                done.append(space)

    async def ask() -> None:
        await asyncio.gather(*(take(space) for space in [SPACE] * 5 + [OTHER] * 5))

    asyncio.run(ask())
    assert len(done) == answered
    asyncio.run(ask())
    assert len(done) == 2 * answered


def test_nobody_waits_for_ever_and_a_turn_given_up_is_free(monkeypatch) -> None:
    monkeypatch.setattr(turns, "MAX_WAIT_S", 0.01)
    waiting = Turns()

    async def ask() -> None:
        async with waiting.of(SPACE), waiting.of(OTHER):
            for space in (SPACE, THIRD):
                with pytest.raises(Busy):
                    async with waiting.of(space):
                        raise AssertionError("nobody's turn")
        async with waiting.of(THIRD):
            return

    asyncio.run(ask())


def test_an_examination_rests_most_of_the_time_and_others_are_answered(store, monkeypatch) -> None:
    rests: list[float] = []
    sleep = asyncio.sleep

    async def rest(delay: float) -> None:
        rests.append(delay)
        await sleep(0)

    monkeypatch.setattr(examination, "BREATH_S", 0.0)
    monkeypatch.setattr(examination.asyncio, "sleep", rest)
    author = Author()
    (merge,) = merge_events(author, 1)
    asyncio.run(open_service(store).advance(SPACE, merge, author.all()))
    assert 0 < min(rests) <= max(rests) <= examination.MAX_REST_S
