"""The clock service takes an event before the place's own head names it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from backup_agent.server.errors import NoLongerAllowed
from backup_agent.server.run_clock import LedClock
from clock_service.client import RemoteClock
from clock_service.errors import ClockRefused
from pail import CID
from pail.event import Head
from space import Clock

EVENT = CID(b"\x01\x71\x12\x20" + bytes(32))


@dataclass
class Heads:
    """A clock that notes what it takes, unless it refuses."""

    name: str
    taken: list[str]
    error: Exception | None = None
    url: str = "http://clock.test"

    def advance(self, event: CID, blocks: Iterable[tuple[CID, bytes]] = ()) -> Head:
        if self.error is not None:
            raise self.error
        self.taken.append(self.name)
        return (event,)


@dataclass
class Run:
    taken: list[str] = field(default_factory=list[str])

    def clock(self, *, service: Exception | None = None, permit: Callable[[], None]) -> LedClock:
        led = Heads("service", self.taken, service)
        own = Heads("place", self.taken)
        space = cast(Any, None)
        return LedClock(cast(RemoteClock, led), cast(Clock, own), space, cast(Any, permit))


def test_the_service_is_first() -> None:
    run = Run()
    assert run.clock(permit=lambda: None).advance(EVENT) == (EVENT,)
    assert run.taken == ["service", "place"]


def test_what_the_service_refuses_is_in_no_head() -> None:
    run = Run()
    refused = ClockRefused("http://clock.test", "it was revoked", "Unauthorized", ["Revoked"])
    with pytest.raises(ClockRefused):
        run.clock(service=refused, permit=lambda: None).advance(EVENT)
    assert run.taken == []


def test_what_may_not_be_written_is_not_told_to_the_service() -> None:
    def stopped() -> None:
        raise NoLongerAllowed("paused by its owner")

    run = Run()
    with pytest.raises(NoLongerAllowed):
        run.clock(permit=stopped).advance(EVENT)
    assert run.taken == []
