"""The bed works: what the reference PDS serves is what the backup will read."""

from typing import Any

import httpx
import pytest

from tests.peers.bed import PdsBed
from tests.peers.pds_client import Owner, call, seed_account

HEADER_ONLY_CAR_BYTES = 59


@pytest.fixture(scope="module")
def owner(pds_bed: PdsBed) -> Owner:
    return seed_account(pds_bed.a, "bed.a.test")


def get_repo(owner: Owner, **params: str) -> bytes:
    answer = httpx.get(
        f"{owner.pds}/xrpc/com.atproto.sync.getRepo", params={"did": owner.did, **params}, timeout=60
    )
    assert answer.headers["content-type"] == "application/vnd.ipld.car"
    assert "content-length" not in answer.headers
    return answer.raise_for_status().content


def head(owner: Owner) -> dict[str, Any]:
    return call(owner.pds, "GET", "com.atproto.sync.getLatestCommit", params={"did": owner.did})


def test_the_directory_names_the_pds(pds_bed: PdsBed, owner: Owner) -> None:
    document = httpx.get(f"{pds_bed.plc}/{owner.did}").raise_for_status().json()
    assert document["service"][0]["serviceEndpoint"] == pds_bed.a
    assert document["alsoKnownAs"] == ["at://bed.a.test"]


def test_get_repo_since_holds_only_what_came_later(owner: Owner) -> None:
    before, whole = head(owner), get_repo(owner)
    owner.make_post("one more")
    assert head(owner)["rev"] > before["rev"]
    assert HEADER_ONLY_CAR_BYTES < len(get_repo(owner, since=before["rev"])) < len(whole)


def test_get_repo_since_the_head_is_a_header_alone(owner: Owner) -> None:
    assert len(get_repo(owner, since=head(owner)["rev"])) == HEADER_ONLY_CAR_BYTES


def test_list_blobs_gives_a_cursor_until_a_page_is_empty(owner: Owner) -> None:
    found: list[str] = []
    ask = "com.atproto.sync.listBlobs"
    params = {"did": owner.did, "limit": 3}
    page = call(owner.pds, "GET", ask, params=params)
    while page["cids"]:
        found += page["cids"]
        page = call(owner.pds, "GET", ask, params=params | {"cursor": page["cursor"]})
    assert "cursor" not in page
    assert found == sorted(blob["ref"]["$link"] for blob in owner.blobs)


def test_a_second_pds_imports_the_repository(pds_bed: PdsBed, owner: Owner) -> None:
    moved = owner.move_to(pds_bed.b, "bed.b.test")
    moved.import_repo(get_repo(owner))
    status = moved.status()
    assert status["repoCommit"] == head(owner)["cid"]
    assert status["expectedBlobs"] == len(owner.blobs)
