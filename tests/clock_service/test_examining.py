"""How much is examined at once: one authorized agent does not occupy the service."""

import asyncio
from collections import Counter

import pytest

from clock_service import service
from clock_service.admission import Findings
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
