"""Lists of what a space holds, page by page; on each kind of database."""

from __future__ import annotations

from pathlib import Path

import pytest

from pail import CAR, RAW, cid_of
from provider import upload_rows
from provider.store import ProviderStore
from tests.provider.made import OTHER, OTHER_KEY, Provider

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
