"""What a space holds and may hold; several spaces over the same blobs; on each kind of database."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

from pail import RAW, cid_of
from provider import space_rows
from provider.capabilities import Blob
from provider.errors import InsufficientStorage, SpaceAlreadyProvisioned
from provider.hosting import PROMISE_LIFE_S
from provider.records import HostedSpace, Stored
from provider.space_rows import LATE_S
from provider.store import ProviderStore, open_provider_store
from provider.stored_rows import UNACCEPTED_LIFE_S
from provider.sweeping import Sweeper
from provider.upload_url import owner_of
from tests.clock_service.calls import signer
from tests.provider.made import ACCOUNT, NOW, OTHER, OTHER_KEY, SPACE, Promise, Provider, digest_of, retrieve

A, B, C = b"a" * 400, b"b" * 400, b"c" * 400
IN_OTHER = {"issuer": OTHER_KEY, "resource": OTHER}


@pytest.fixture
def two(tmp_path: Path, store: ProviderStore) -> Provider:
    """A provider that hosts two spaces, of 1,000 bytes each."""
    provider = Provider(store, tmp_path / "store", quota=1000)
    provider.host()
    provider.host(OTHER)
    return provider


def used(provider: Provider, **space) -> tuple[int, int]:
    usage = provider.out("space/info", **space)["usage"]
    return usage["bytes"], usage["blobs"]


def files(tmp_path: Path) -> list[bytes]:
    return sorted(each.read_bytes() for each in (tmp_path / "store").rglob("*") if each.is_file())


def test_nothing_is_promised_beyond_the_quota(two: Provider) -> None:
    assert two.promise(bytes(1001)) == "InsufficientStorage"
    two.upload(A)
    assert isinstance(two.promise(B), Promise)
    assert two.promise(C) == "InsufficientStorage"
    assert used(two) == (400, 1)


def test_the_same_blob_promised_twice_takes_room_once(two: Provider) -> None:
    for nonce in ("1", "2", "3"):
        assert isinstance(two.promise(A, nonce=nonce), Promise)
    assert isinstance(two.promise(bytes(600)), Promise)
    assert two.promise(bytes(1)) == "InsufficientStorage"


def test_one_blob_is_not_promised_without_end(two: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(space_rows, "MAX_TASKS", 3)
    for number in range(10):
        blob = Blob(digest_of(A), len(A))
        work = two.app.hosting.add(SPACE, blob, cid_of(RAW, bytes([number])))
        asyncio.run(work)
    count = "SELECT count(*) FROM allocation"
    assert asyncio.run(two.store.clocks.read(lambda session: session.rows(count)))[0][0] <= 3
    two.upload(A)


def test_each_length_of_a_digest_takes_room_of_its_own(
    two: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(space_rows, "MAX_TASKS", 3)
    promise = two.promise(bytes(990))
    assert isinstance(promise, Promise)
    assert two.put(promise, bytes(990)).status_code == 200
    for number in range(4):
        assert isinstance(two.promise(bytes(990), size=1, nonce=str(number)), Promise)
    assert two.promise(bytes(10)) == "InsufficientStorage"


def test_a_url_stores_nothing_once_its_blob_was_removed(two: Provider, tmp_path: Path) -> None:
    urls: list[tuple[Promise, bytes]] = []
    for number in range(3):
        data = bytes([number]) * 1000
        promise = two.promise(data)
        assert isinstance(promise, Promise)
        assert two.put(promise, data).status_code == 200
        assert "time" in two.conclude(promise)
        assert two.put(promise, data).status_code == 200  # twice is once
        two.out("space/blob/remove", {"digest": promise.digest})
        urls.append((promise, data))
    assert isinstance(two.promise(bytes(1000), size=1), Promise)  # room for a byte is none for a thousand
    assert {two.put(promise, data).status_code for promise, data in urls} == {410}
    asyncio.run(Sweeper(two.store, two.blobs).sweep())
    assert not [path for path in (tmp_path / "store").rglob("*") if path.is_file()]


def test_room_is_kept_as_long_as_what_was_put_may_be_accepted(tmp_path: Path, url: str) -> None:
    clock = [NOW]
    store = open_provider_store(url, now=lambda: clock[0])
    provider = Provider(store, tmp_path / "store", quota=1000, now=lambda: clock[0])
    provider.host()
    late = provider.promise(bytes(700))
    assert isinstance(late, Promise)
    clock[0] += PROMISE_LIFE_S - 1
    assert provider.put(late, bytes(700)).status_code == 200
    clock[0] += UNACCEPTED_LIFE_S - 1
    assert provider.promise(A) == "InsufficientStorage"
    clock[0] += 1
    assert isinstance(provider.promise(A), Promise)
    store.close()


def test_room_that_was_promised_is_free_again_when_the_promise_expires(tmp_path: Path, url: str) -> None:
    clock = [NOW]
    store = open_provider_store(url, now=lambda: clock[0])
    provider = Provider(store, tmp_path / "store", quota=1000, now=lambda: clock[0])
    provider.host()
    late = provider.promise(bytes(700))
    assert isinstance(late, Promise)
    provider.put(late, bytes(700))
    assert provider.promise(A) == "InsufficientStorage"
    clock[0] += PROMISE_LIFE_S
    provider.upload(A)
    assert provider.conclude(late) == "InsufficientStorage"
    assert used(provider) == (400, 1)
    provider.out("space/blob/remove", {"digest": digest_of(A)})
    assert "time" in provider.conclude(late)
    store.close()


def test_a_promise_is_forgotten_in_the_end_and_that_is_said(tmp_path: Path, url: str) -> None:
    clock = [NOW]
    store = open_provider_store(url, now=lambda: clock[0])
    provider = Provider(store, tmp_path / "store", now=lambda: clock[0])
    provider.host()
    late = provider.promise(A)
    assert isinstance(late, Promise)
    provider.put(late, A)
    clock[0] += PROMISE_LIFE_S + LATE_S
    provider.promise(B)
    assert provider.conclude(late) == "AllocationNotFound"
    store.close()


def test_a_quota_that_was_lowered_keeps_what_is_there(two: Provider) -> None:
    two.upload(A)
    two.host(quota=100)
    assert two.promise(b"x") == "InsufficientStorage"
    assert two.get(digest_of(A), headers=retrieve()).content == A


def test_a_blob_of_two_spaces_is_stored_once_and_counted_in_each(two: Provider, tmp_path: Path) -> None:
    two.upload(A)
    two.upload(A, **IN_OTHER)
    assert used(two) == used(two, **IN_OTHER) == (400, 1)
    assert files(tmp_path) == [A]


def test_to_know_the_name_of_a_blob_is_not_to_have_it(two: Provider) -> None:
    two.upload(A)
    promise = two.promise(A, **IN_OTHER)
    assert isinstance(promise, Promise)
    assert promise.address is not None
    assert two.get(digest_of(A), headers=retrieve(**IN_OTHER)).status_code == 404
    assert two.put(promise, B).json()["name"] == "WrongHash"
    assert two.conclude(promise) == "AllocatedMemoryHadNotBeenWrittenTo"
    assert two.get(digest_of(A), headers=retrieve(**IN_OTHER)).status_code == 404
    assert two.put(promise, A).status_code == 200
    assert "time" in two.conclude(promise)


def test_what_was_put_once_is_not_had_again_by_its_name(two: Provider) -> None:
    two.upload(A)
    digest = two.upload(A, **IN_OTHER)
    two.out("space/blob/remove", {"digest": digest}, **IN_OTHER)
    promise = two.promise(A, nonce="again", **IN_OTHER)
    assert isinstance(promise, Promise)
    assert two.conclude(promise) == "AllocatedMemoryHadNotBeenWrittenTo"


def test_removing_from_one_space_leaves_the_other(two: Provider, tmp_path: Path) -> None:
    digest = two.upload(A)
    two.upload(A, **IN_OTHER)
    assert two.out("space/blob/remove", {"digest": digest}) == {"size": 400}
    assert two.out("space/blob/remove", {"digest": digest}) == {"size": 0}
    assert used(two) == (0, 0)
    assert two.get(digest, headers=retrieve()).status_code == 404
    assert two.get(digest, headers=retrieve(**IN_OTHER)).content == A
    asyncio.run(Sweeper(two.store, two.blobs).sweep())
    assert files(tmp_path) == [A]


def test_the_bytes_go_with_the_last_space_that_held_them(two: Provider, tmp_path: Path) -> None:
    digest = two.upload(A)
    two.upload(B)
    two.out("space/blob/remove", {"digest": digest})
    asyncio.run(Sweeper(two.store, two.blobs).sweep())
    assert files(tmp_path) == [B]
    two.upload(A)
    assert two.get(digest, headers=retrieve()).content == A


def test_a_blob_that_is_promised_elsewhere_stays_when_its_last_space_lets_go(
    two: Provider, tmp_path: Path
) -> None:
    digest = two.upload(A)
    promise = two.promise(A, **IN_OTHER)
    assert isinstance(promise, Promise)
    assert two.put(promise, A).status_code == 200
    two.out("space/blob/remove", {"digest": digest})
    asyncio.run(Sweeper(two.store, two.blobs).sweep())
    assert "time" in two.conclude(promise)
    assert two.get(digest, headers=retrieve(**IN_OTHER)).content == A


def test_a_space_that_was_removed_takes_nothing_and_stays_readable(two: Provider) -> None:
    digest = two.upload(A)
    asyncio.run(two.store.host(HostedSpace(SPACE, None, 1000, is_hosted=False)))
    assert two.promise(B) == "InsufficientStorage"
    assert two.out("upload/add", {"root": cid_of(RAW, A)}) == "InsufficientStorage"
    assert two.out("space/info") == "SpaceUnknown"
    assert two.get(digest, headers=retrieve()).content == A
    assert two.out("space/blob/remove", {"digest": digest}) == {"size": 400}


def test_of_two_that_put_the_same_bytes_at_once_one_is_kept(two: Provider, tmp_path: Path) -> None:
    promises = [two.promise(A), two.promise(A, **IN_OTHER)]

    async def both() -> list[int]:
        assert all(isinstance(each, Promise) for each in promises)
        puts = [two.ask("PUT", each.url, content=A) for each in promises if isinstance(each, Promise)]
        return [answer.status_code for answer in await asyncio.gather(*puts)]

    assert asyncio.run(both()) == [200, 200]
    assert files(tmp_path) == [A]


def test_many_adds_at_once_never_pass_the_quota(tmp_path: Path, url: str) -> None:
    """Two processes' stores over one database."""
    stores = [open_provider_store(url, now=lambda: NOW) for _ in range(2)]
    providers = [Provider(store, tmp_path / "store", quota=1000) for store in stores]
    providers[0].host()

    async def flood() -> list[bool]:
        return await asyncio.gather(*(one(number) for number in range(40)))

    async def one(number: int) -> bool:
        blob = Blob(digest_of(bytes([number])), 100)
        with suppress(InsufficientStorage):
            await providers[number % 2].app.hosting.add(SPACE, blob, cid_of(RAW, bytes([number])))
            return True
        return False

    assert sum(asyncio.run(flood())) == 10
    for store in stores:
        store.close()


def test_what_is_swept_while_its_bytes_come_again_is_not_acknowledged(two: Provider) -> None:
    two.upload(A)
    promise = two.promise(A, **IN_OTHER)
    assert isinstance(promise, Promise)

    async def gone_meanwhile():
        yield A[:1]
        await two.store.remove(SPACE, promise.digest)
        yield A[1:]

    assert two.put(promise, gone_meanwhile()).status_code == 503
    assert two.conclude(promise) == "AllocatedMemoryHadNotBeenWrittenTo"


def test_a_blob_is_kept_under_the_key_that_came_first(two: Provider) -> None:
    store, digest = two.store, digest_of(A)
    two.promise(A)
    first, second = Stored(digest, "blobs/aa/first", 400), Stored(digest, "blobs/aa/second", 400)
    assert asyncio.run(store.keep_blob(first, owner_of(SPACE))) is True
    assert asyncio.run(store.keep_blob(first, owner_of(SPACE))) is True
    assert asyncio.run(store.keep_blob(second, owner_of(SPACE))) is False
    assert asyncio.run(store.discard_unused()) == ["blobs/aa/second"]
    assert asyncio.run(store.known_objects(["blobs/aa/first", "blobs/aa/third"])) == {"blobs/aa/first"}


def test_what_was_kept_is_there_for_whoever_opens_the_store_next(url: str, tmp_path: Path) -> None:
    store = open_provider_store(url)
    provider = Provider(store, tmp_path / "store")
    provider.host()
    digest = provider.upload(A)
    store.close()
    again = Provider(open_provider_store(url), tmp_path / "store")
    assert again.get(digest, headers=retrieve()).content == A
    again.store.close()


def test_spaces_that_are_added_at_once_are_no_more_than_an_account_may_have(
    store: ProviderStore,
) -> None:
    async def both(spaces: list[HostedSpace]) -> list[type[object]]:
        work = [store.provide(each, 2) for each in spaces]
        return [type(each) for each in await asyncio.gather(*work, return_exceptions=True)]

    mine = [HostedSpace(signer(number).did, ACCOUNT, 1) for number in range(20, 24)]
    out = asyncio.run(both(mine))
    assert sorted(each.__name__ for each in out) == ["InsufficientStorage"] * 2 + ["NoneType"] * 2
    contested = [
        HostedSpace(OTHER, account, 1)
        for account in ("did:mailto:example.com:bob", "did:mailto:example.com:eve")
    ]
    assert SpaceAlreadyProvisioned in asyncio.run(both(contested))


def test_bytes_that_rotted_are_stored_anew_when_they_come_again(two: Provider, tmp_path: Path) -> None:
    digest = two.upload(A)
    [path] = [each for each in (tmp_path / "store").rglob("*") if each.is_file()]
    path.write_bytes(b"x" + A[1:])
    two.upload(A, **IN_OTHER)
    assert two.get(digest, headers=retrieve()).content == A
    asyncio.run(Sweeper(two.store, two.blobs).sweep())
    assert files(tmp_path) == [A]


def test_bytes_that_are_gone_from_the_store_are_stored_anew(two: Provider, tmp_path: Path) -> None:
    digest = two.upload(A)
    [path] = [each for each in (tmp_path / "store").rglob("*") if each.is_file()]
    path.unlink()
    two.upload(A, **IN_OTHER)
    assert two.get(digest, headers=retrieve()).content == A
