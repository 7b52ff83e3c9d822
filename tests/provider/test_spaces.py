"""What a space holds and may hold; several spaces over the same blobs; on each kind of database."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

from pail import CAR, RAW, cid_of
from provider import space_rows, upload_rows
from provider.capabilities import Blob
from provider.errors import InsufficientStorage
from provider.hosting import PROMISE_LIFE_S
from provider.records import HostedSpace, Stored
from provider.space_rows import LATE_S
from provider.store import ProviderStore, open_provider_store
from provider.stored_rows import UNACCEPTED_LIFE_S
from provider.sweeping import Sweeper
from tests.provider.made import NOW, OTHER, OTHER_KEY, SPACE, Promise, Provider, digest_of, retrieve

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
    for size in range(10):
        blob = Blob(digest_of(A), size)
        work = two.app.hosting.add(SPACE, blob, cid_of(RAW, bytes([size])))
        asyncio.run(work)
    count = "SELECT count(*) FROM allocation"
    assert asyncio.run(two.store.clocks.read(lambda session: session.rows(count)))[0][0] <= 3
    two.upload(A)


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


def test_the_list_goes_on_where_a_page_ended(two: Provider) -> None:
    digests = [two.upload(bytes([number])) for number in range(5)]
    found, page = [], two.out("space/blob/list", {"size": 2})
    while True:
        found += [each["blob"]["digest"] for each in page["results"]]
        if "cursor" not in page:
            break
        page = two.out("space/blob/list", {"size": 2, "cursor": page["cursor"]})
    assert found == digests[::-1]
    assert two.out("space/blob/list", **IN_OTHER) == {"size": 0, "results": []}


@pytest.mark.parametrize(
    "nb", [{"cursor": "x"}, {"cursor": "1" * 30}, {"size": 0}, {"size": -1}, {"other": 1}]
)
def test_a_list_is_asked_for_in_its_own_words(two: Provider, nb) -> None:
    assert two.out("space/blob/list", nb) == "Unauthorized"


def test_uploads_are_listed_added_to_and_removed(two: Provider) -> None:
    roots = [cid_of(RAW, bytes([number])) for number in range(3)]
    shards = [cid_of(CAR, bytes([number])) for number in range(3)]
    for root in roots:
        assert two.out("upload/add", {"root": root, "shards": shards[:1]}) == {
            "root": root,
            "shards": shards[:1],
        }
    more = two.out("upload/add", {"root": roots[0], "shards": shards[1:]})
    assert set(more["shards"]) == set(shards)
    listed = two.out("upload/list")
    assert [each["root"] for each in listed["results"]] == roots[::-1]
    older = two.out("upload/list", {"cursor": listed["before"], "size": 1})
    assert [each["root"] for each in older["results"]] == [roots[1]]
    newer = two.out("upload/list", {"cursor": listed["after"], "pre": True, "size": 1})
    assert [each["root"] for each in newer["results"]] == [roots[1]]
    assert set(two.out("upload/get", {"root": roots[0]})["shards"]) == set(shards)
    some = two.out("upload/shard/list", {"root": roots[0], "size": 2})
    rest = two.out("upload/shard/list", {"root": roots[0], "cursor": some["cursor"]})
    assert some["results"] + rest["results"] == sorted(shards)
    assert "cursor" not in rest
    assert two.out("upload/remove", {"root": roots[0]})["root"] == roots[0]
    assert two.out("upload/shard/list", {"root": roots[0]}) == "UploadNotFound"
    for can in ("upload/get", "upload/remove"):
        assert two.out(can, {"root": roots[0]}) == "UploadNotFound"
        assert two.out(can, {"root": roots[1]}, **IN_OTHER) == "UploadNotFound"
    assert two.out("upload/add", {"root": roots[0], "shards": [roots[1]]}) == "Unauthorized"


def test_a_page_of_uploads_holds_only_so_many_shards(two: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload_rows, "MAX_SHARDS_OF_PAGE", 5)
    roots = [cid_of(RAW, bytes([number])) for number in range(5)]
    for number, root in enumerate(roots):
        shards = [cid_of(CAR, bytes([number, each])) for each in range(3)]
        two.out("upload/add", {"root": root, "shards": shards})
    found, more = [], {}
    for _ in range(10):
        page = two.out("upload/list", {"size": 4, **more})
        assert sum(len(each["shards"]) for each in page["results"]) <= 6
        found += [each["root"] for each in page["results"]]
        if "cursor" not in page:
            break
        more = {"cursor": page["cursor"]}
    assert found == roots[::-1]


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


def test_a_blob_is_kept_under_the_key_that_came_first(store: ProviderStore) -> None:
    digest = digest_of(A)
    first, second = Stored(digest, "blobs/aa/first", 400), Stored(digest, "blobs/aa/second", 400)
    assert asyncio.run(store.keep_blob(first, OWNER)) is True
    assert asyncio.run(store.keep_blob(first, OWNER)) is True
    assert asyncio.run(store.keep_blob(second, OWNER)) is False
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
