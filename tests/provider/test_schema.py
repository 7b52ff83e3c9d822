"""A database of an older skypail."""

from __future__ import annotations

import asyncio

import pytest

from provider import store
from provider.accounts import kept
from provider.schema import STEPS
from provider.store import open_provider_store
from tests.clock_service.calls import AGENT
from tests.provider.made import NOW, give


def test_blobs_that_waited_before_arrivals_were_kept_are_swept_too(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "STEPS", STEPS[:1])
    old = open_provider_store(url)
    row = (b"d" * 34, "blobs/aa/unaccepted", 1, 0)
    asyncio.run(
        old.clocks.write(lambda session: session.run("INSERT INTO blob VALUES (?, ?, ?, ?)", row), "~")
    )
    old.close()
    monkeypatch.undo()
    new = open_provider_store(url, now=lambda: NOW)
    assert asyncio.run(new.discard_unused()) == ["blobs/aa/unaccepted"]
    new.close()


def test_delegations_of_an_older_schema_are_claimed_as_before(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "STEPS", STEPS[:2])
    old = open_provider_store(url)
    given = give("*")
    row = (bytes(given.cid), AGENT.did, None, kept(given).archive, 0)
    sql = "INSERT INTO delegation VALUES (?, ?, ?, ?, ?)"
    asyncio.run(old.clocks.write(lambda session: session.run(sql, row), "~"))
    old.close()
    monkeypatch.undo()
    new = open_provider_store(url, now=lambda: NOW)
    assert asyncio.run(new.delegations(AGENT.did)) == [kept(given)]
    new.close()
