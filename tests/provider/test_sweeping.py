"""What nothing names any more goes, and nothing else; on each kind of database."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from provider.hosting import PROMISE_LIFE_S
from provider.store import ProviderStore, open_provider_store
from provider.stored_rows import UNACCEPTED_LIFE_S
from provider.sweeping import Sweeper
from tests.provider.made import NOW, OTHER, OTHER_KEY, Promise, Provider

A, B, C = b"a" * 400, b"b" * 400, b"c" * 400
OWNER = bytes(16)
IN_OTHER = {"issuer": OTHER_KEY, "resource": OTHER}


@pytest.fixture
def two(tmp_path: Path, store: ProviderStore) -> Provider:
    """A provider that hosts two spaces, of 1,000 bytes each."""
    provider = Provider(store, tmp_path / "store", quota=1000)
    provider.host()
    provider.host(OTHER)
    return provider


def files(tmp_path: Path) -> list[bytes]:
    return sorted(each.read_bytes() for each in (tmp_path / "store").rglob("*") if each.is_file())


def test_what_was_put_and_never_accepted_goes_after_its_time(tmp_path: Path, url: str) -> None:
    clock = [NOW]
    store = open_provider_store(url, now=lambda: clock[0])
    provider = Provider(store, tmp_path / "store", now=lambda: clock[0])
    provider.host()
    promise = provider.promise(A)
    assert isinstance(promise, Promise)
    provider.put(promise, A)
    sweeper = Sweeper(store, provider.blobs)
    clock[0] += UNACCEPTED_LIFE_S
    asyncio.run(sweeper.sweep())
    assert files(tmp_path) == [A]
    clock[0] += PROMISE_LIFE_S
    asyncio.run(sweeper.sweep())
    assert files(tmp_path) == []
    assert provider.conclude(promise) == "AllocatedMemoryHadNotBeenWrittenTo"
    store.close()


def test_what_a_crash_left_without_a_name_is_removed_and_nothing_else(two: Provider, tmp_path: Path) -> None:
    two.upload(A)
    (folder,) = (tmp_path / "store" / "blobs").iterdir()
    (folder / "orphan").write_bytes(B)
    (folder / "half.draft").write_bytes(b"half")
    sweeper = Sweeper(two.store, two.blobs)
    asyncio.run(sweeper.remove_orphans())
    assert len(files(tmp_path)) == 3
    asyncio.run(sweeper.remove_orphans(age_s=-1))
    assert files(tmp_path) == [A]


def test_orphans_are_looked_for_with_one_question_a_page(two: Provider, tmp_path: Path) -> None:
    asked: list[int] = []
    known = two.store.known_objects

    async def counted(keys):
        asked.append(len(keys))
        return await known(keys)

    folder = tmp_path / "store" / "blobs" / "aa"
    folder.mkdir(parents=True)
    for number in range(10):
        (folder / f"orphan{number}").write_bytes(b"")
    two.store.known_objects = counted
    asyncio.run(Sweeper(two.store, two.blobs).remove_orphans(age_s=-1))
    assert asked == [10]
