"""A blob that its store has damaged: who holds it may put it again, and loses nothing meanwhile."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from pail import CID
from provider.store import ProviderStore
from provider.sweeping import Sweeper
from tests.provider.made import OTHER, OTHER_KEY, Promise, Provider, digest_of, index_of, retrieve, shard_of

GOOD, BAD = b"g" * 300, b"b" * 300
SHARD, SLICES, _ = shard_of(GOOD, BAD)
DAMAGED = SHARD[:-1] + b"x"
INDEX = index_of(SHARD, SLICES)
ADD = {"index": CID(b"\x01\x82\x04" + digest_of(INDEX))}


@pytest.fixture
def damaged(tmp_path: Path, store: ProviderStore) -> Provider:
    """A provider that has damaged a shard and has seen that; its space is full."""
    provider = Provider(store, tmp_path / "store", quota=len(SHARD) + len(INDEX))
    provider.host()
    provider.upload(SHARD)
    provider.upload(INDEX)
    path = next(each for each in (tmp_path / "store").rglob("*.*") if each.read_bytes() == SHARD)
    path.write_bytes(DAMAGED)
    assert provider.out("space/index/add", ADD) == "BlobDamaged"
    return provider


def test_what_is_good_of_it_stays_until_all_of_it_comes_again(damaged: Provider) -> None:
    promise = damaged.promise(SHARD)
    assert isinstance(promise, Promise)
    assert promise.address is not None
    part = damaged.get(digest_of(SHARD), headers=retrieve() | {"range": f"bytes=0-{len(SHARD) - 2}"})
    assert part.content == SHARD[:-1]
    assert damaged.out("space/info")["usage"]["blobs"] == 2


def test_it_is_whole_when_it_was_put_again(damaged: Provider) -> None:
    damaged.upload(SHARD, nonce="again")
    assert damaged.get(digest_of(SHARD), headers=retrieve()).content == SHARD
    assert damaged.out("space/index/add", ADD) == {}
    later = damaged.promise(SHARD, nonce="later")
    assert isinstance(later, Promise)
    assert later.address is None
    assert damaged.out("space/info")["usage"]["bytes"] == len(SHARD) + len(INDEX)


def test_the_object_that_was_damaged_goes(damaged: Provider, tmp_path: Path) -> None:
    damaged.upload(SHARD, nonce="again")
    asyncio.run(Sweeper(damaged.store, damaged.blobs).sweep())
    kept = [each.read_bytes() for each in (tmp_path / "store").rglob("*.*") if each.is_file()]
    assert sorted(kept) == sorted([SHARD, INDEX])


def test_it_is_not_accepted_again_before_its_bytes_have_come(damaged: Provider) -> None:
    promise = damaged.promise(SHARD, nonce="again")
    assert isinstance(promise, Promise)
    assert damaged.conclude(promise) == "AllocatedMemoryHadNotBeenWrittenTo"
    assert damaged.put(promise, DAMAGED).status_code == 400
    assert damaged.conclude(promise) == "AllocatedMemoryHadNotBeenWrittenTo"


def test_room_that_it_has_already_is_not_reserved_once_more(tmp_path: Path, damaged: Provider) -> None:
    damaged.host(quota=len(SHARD) + len(INDEX) + 10)
    assert isinstance(damaged.promise(SHARD, nonce="again"), Promise)
    assert isinstance(damaged.promise(bytes(10)), Promise)


def test_another_space_that_puts_it_heals_it_for_all(damaged: Provider) -> None:
    damaged.host(OTHER)
    damaged.upload(SHARD, issuer=OTHER_KEY, resource=OTHER)
    promise = damaged.promise(SHARD, nonce="again")
    assert isinstance(promise, Promise)
    assert promise.address is None


def test_an_index_that_its_store_has_damaged_is_taken_again(damaged: Provider, tmp_path: Path) -> None:
    damaged.upload(SHARD, nonce="again")
    path = next(each for each in (tmp_path / "store").rglob("*.*") if each.read_bytes() == INDEX)
    path.write_bytes(INDEX[:-1] + bytes([INDEX[-1] ^ 1]))
    assert damaged.out("space/index/add", ADD) == "BlobDamaged"
    damaged.upload(INDEX, nonce="again")
    assert damaged.out("space/index/add", ADD) == {}
