"""Ancestors from a source that the operator configured: bounded, and never believed (C3)."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from clock_service import Store, fetching, open_store
from clock_service.errors import MissingAncestors, NotProvisioned
from clock_service.policy import Policy
from pail import CID
from tests.clock_service.made import SPACE, Author, open_service


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = open_store(f"sqlite:///{tmp_path}/clock.db")
    yield store
    store.close()


class Source:
    """Answers from blocks, and remembers what it was asked for."""

    def __init__(self, blocks: dict[CID, bytes]) -> None:
        self.blocks = blocks
        self.asked: list[CID] = []

    async def __call__(self, cids):
        self.asked += cids
        return {cid: self.blocks[cid] for cid in cids if cid in self.blocks}


def test_ancestors_that_did_not_come_are_had_from_the_source(store) -> None:
    author = Author()
    events = author.chain(10)
    source = Source(author)
    service = open_service(store, source=source)
    assert asyncio.run(service.advance(SPACE, events[4], author.only(*events[3:5]))) == (events[4],)
    assert sorted(source.asked) == sorted(events[:3])
    assert asyncio.run(service.advance(SPACE, events[9])) == (events[9],)
    assert sorted(source.asked) == sorted(events[:3] + events[5:])
    assert asyncio.run(store.known(SPACE, events)).kept == set(events)


def test_what_the_source_has_not_is_missing(store) -> None:
    author = Author()
    events = author.chain(4)
    source = Source({cid: author[cid] for cid in events[1:]})
    with pytest.raises(MissingAncestors) as caught:
        asyncio.run(open_service(store, source=source).advance(SPACE, events[3]))
    assert caught.value.missing == (events[0],)
    assert asyncio.run(store.known(SPACE, events)).kept == frozenset()


def test_a_source_that_lies_has_nothing(store) -> None:
    author = Author()
    events = author.chain(2)
    source = Source({events[0]: author[events[1]], events[1]: author[events[1]]})
    with pytest.raises(MissingAncestors) as caught:
        asyncio.run(open_service(store, source=source).advance(SPACE, events[1]))
    assert caught.value.missing == (events[0],)


def test_a_source_that_does_not_answer_is_given_up(store, monkeypatch) -> None:
    monkeypatch.setattr(fetching, "FETCH_TIMEOUT_S", 0.05)
    event = Author().put((), "a").head[0]

    async def silent(cids):
        await asyncio.Event().wait()
        return {}

    with pytest.raises(MissingAncestors):
        asyncio.run(open_service(store, source=silent).advance(SPACE, event))


@pytest.mark.parametrize("limit", [5, 6])
def test_a_source_gives_only_so_many_events(store, monkeypatch, limit: int) -> None:
    monkeypatch.setattr(fetching, "MAX_EVENTS", limit)
    author = Author()
    events = author.chain(6)
    advance = open_service(store, source=Source(author)).advance(SPACE, events[5])
    if limit == 6:
        assert asyncio.run(advance) == (events[5],)
    else:
        with pytest.raises(MissingAncestors):
            asyncio.run(advance)


def test_for_a_space_that_is_not_hosted_nobody_is_asked(store) -> None:
    author = Author()
    source = Source(author)
    service = open_service(store, source=source)
    service.policy = Policy()
    with pytest.raises(NotProvisioned):
        asyncio.run(service.advance(SPACE, author.chain(2)[1]))
    assert source.asked == []
