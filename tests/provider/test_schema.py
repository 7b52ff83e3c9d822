"""A database of an older skypail."""

from __future__ import annotations

import asyncio

import pytest

from provider import store
from provider.schema import STEPS
from provider.store import open_provider_store
from tests.provider.made import NOW


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
