"""An advance asks the database the same, however long the history is (C5)."""

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from clock_service import Guard
from clock_service.migrations import migrate
from clock_service.sql_store import SqlStore
from clock_service.sqlite_store import SqliteSession
from pail import Block
from pail.event import encode_event
from tests.clock_service.made import SPACE, open_service

LONG = 20_000
PART = 5_000


class CountingSession(SqliteSession):
    """Notes each statement with the number of rows it gave."""

    counts: list[int]

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        found = super().rows(sql, parameters)
        self.counts.append(len(found))
        return found

    def run(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        if not sql.startswith("PRAGMA"):
            self.counts.append(0)
        return super().run(sql, parameters)


@pytest.fixture
def counted(tmp_path: Path) -> Iterator[tuple[SqlStore, list[int]]]:
    counts: list[int] = []

    def connect() -> CountingSession:
        session = CountingSession(tmp_path / "clock.db", "BEGIN IMMEDIATE")
        session.counts = counts
        return session

    session = SqliteSession(tmp_path / "clock.db", "BEGIN IMMEDIATE")
    migrate(session, serial="INTEGER PRIMARY KEY", bytes="BLOB", clustered="")
    session.close()
    store = SqlStore(connect, connect)
    yield store, counts
    store.close()


def chain(length: int) -> list[Block]:
    events: list[Block] = []
    for number in range(length):
        events.append(encode_event([each.cid for each in events[-1:]], number))
    return events


def test_an_advance_costs_the_same_after_a_hundred_events_and_after_many(counted) -> None:
    store, counts = counted
    service = open_service(store, Guard.OFF)
    events = chain(LONG)
    taken: list[Block] = []

    def grow(length: int) -> None:
        while len(taken) < length:
            part = events[len(taken) : min(len(taken) + PART, length)]
            asyncio.run(service.advance(SPACE, part[-1].cid, part))
            taken.extend(part)

    def cost(event: Block) -> list[int]:
        counts.clear()
        asyncio.run(service.advance(SPACE, event.cid, [event]))
        return list(counts)

    def costs(name: str) -> list[list[int]]:
        next_one, beside = encode_event([taken[-1].cid], name), encode_event([events[50].cid], name)
        from_nothing, old = encode_event([], name), events[10]
        return [cost(each) for each in (next_one, beside, from_nothing, old, beside)]

    grow(100)
    early = costs("early")
    grow(LONG)
    assert early == costs("late")
    assert max(map(len, early)) <= 10
