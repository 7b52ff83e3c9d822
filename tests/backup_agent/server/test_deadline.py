"""A run ends in its time, whatever it waits for."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from backup_agent.server.deadline import Deadline
from backup_agent.server.errors import OutOfTime
from backup_agent.server.permit import Permit
from backup_agent.server.permitted_place import PermittedPlace
from space.place import Draft, Entry, Place


@dataclass
class SlowPlace:
    """Each call takes an hour."""

    hours: int = 0
    calls: list[str] = field(default_factory=list[str])

    def __getattr__(self, name: str) -> Any:
        def call(*_: object) -> SlowPlace:
            self.hours += 1
            self.calls.append(name)
            return self

        return call


@pytest.fixture
def slow() -> SlowPlace:
    return SlowPlace()


@pytest.fixture
def place(slow: SlowPlace) -> PermittedPlace:
    deadline = Deadline(2 * 3600.0, clock=lambda: slow.hours * 3600.0)
    permit = Permit(cast(Any, SlowPlace()), cast(Any, None), "", [], 1 << 20, deadline)
    return PermittedPlace(cast(Place, slow), permit)


def test_a_place_that_is_slow_to_open_is_given_up(place: PermittedPlace, slow: SlowPlace) -> None:
    opened = place.open("shards", Entry("a", 1, ""))
    opened.read(0, 1)
    for ask in (
        lambda: place.list("shards"),
        lambda: place.load("", "space", 100),
        lambda: place.open("shards", Entry("a", 1, "")),
        lambda: opened.read(0, 1),
        lambda: opened.read_many([]),
        lambda: place.store("heads", "a", b""),
        lambda: place.publish("shards", [(cast(Draft, slow), "a")]),
    ):
        with pytest.raises(OutOfTime, match="longer than 2 hours"):
            ask()
    assert not {"list", "load", "store", "publish"} & set(slow.calls)
    assert (slow.calls.count("open"), slow.calls.count("read")) == (1, 1)


def test_a_clock_that_does_not_answer_is_given_up() -> None:
    deadline = Deadline(0.05)
    with pytest.raises(OutOfTime):
        deadline.bounds(asyncio.run)(asyncio.sleep(60))
    with pytest.raises(OutOfTime):
        deadline.check()


def test_what_ends_in_time_is_as_it_was() -> None:
    async def fails() -> None:
        raise TimeoutError("its own")

    assert Deadline().bounds(asyncio.run)(asyncio.sleep(0, 7)) == 7
    with pytest.raises(TimeoutError, match="its own"):
        Deadline().bounds(asyncio.run)(fails())
