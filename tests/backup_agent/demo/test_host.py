"""The demo host answers as the reference PDS was seen to (tests/peers/test_pds_bed.py)."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from backup_agent.demo.host import HEADER_ONLY_BYTES, DemoHost
from backup_agent.demo.serve import listening, run_host
from pail import parse_cid, verify_block
from tests.forged import read_car


@pytest.fixture(scope="module")
def running() -> Iterator[DemoHost]:
    with run_host() as host:
        yield host


@pytest.fixture
def host(running: DemoHost) -> DemoHost:
    running.head = running.recording.first
    return running


def ask(host: DemoHost, nsid: str, *, token: str = "", method: str = "GET", **request: Any) -> httpx.Response:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    return httpx.request(method, f"{host.url}/xrpc/{nsid}", headers=headers, **request)


def sync(host: DemoHost, method: str, **params: Any) -> httpx.Response:
    return ask(host, f"com.atproto.sync.{method}", params={"did": host.recording.did, **params})


def login(host: DemoHost) -> dict[str, str]:
    body = {"identifier": host.recording.did, "password": host.recording.password}
    return ask(host, "com.atproto.server.createSession", method="POST", json=body).raise_for_status().json()


def test_the_document_names_the_host_itself(host: DemoHost) -> None:
    document = httpx.get(f"{host.url}/{host.recording.did}").json()
    assert document["service"][0]["serviceEndpoint"] == host.url
    assert len(httpx.get(f"{host.url}/{host.recording.did}/log/audit").json()) == 2


def test_an_unknown_did_is_not_in_the_directory(host: DemoHost) -> None:
    assert httpx.get(f"{host.url}/did:plc:{'a' * 24}").status_code == 404


def test_publishing_moves_the_head(host: DemoHost) -> None:
    before = sync(host, "getLatestCommit").json()
    host.publish_next_post()
    after = sync(host, "getLatestCommit").json()
    assert before == {"cid": host.recording.first.cid, "rev": host.recording.first.rev}
    assert after["rev"] > before["rev"]
    assert after["cid"] == host.recording.second.cid


def test_the_repository_comes_whole_and_without_a_length(host: DemoHost) -> None:
    answer = sync(host, "getRepo")
    assert answer.content == host.recording.first.car
    assert answer.headers["content-type"] == "application/vnd.ipld.car"
    assert "content-length" not in answer.headers


def test_since_the_first_commit_there_is_the_delta(host: DemoHost) -> None:
    host.publish_next_post()
    assert sync(host, "getRepo", since=host.recording.first.rev).content == host.recording.delta
    assert sync(host, "getRepo", since="2222222222222").content == host.recording.second.car


@pytest.mark.parametrize("since", ["first", "later"])
def test_since_the_head_or_later_there_is_a_header_alone(host: DemoHost, since: str) -> None:
    rev = host.recording.first.rev if since == "first" else "7777777777777"
    car = sync(host, "getRepo", since=rev).content
    assert len(car) == HEADER_ONLY_BYTES
    assert read_car(car) == []


def test_blobs_are_listed_with_a_cursor_until_a_page_is_empty(host: DemoHost) -> None:
    first = sync(host, "listBlobs", limit=4).json()
    second = sync(host, "listBlobs", limit=4, cursor=first["cursor"]).json()
    assert first["cids"] + second["cids"] == sorted(host.recording.blobs)
    assert sync(host, "listBlobs", limit=4, cursor=second["cursor"]).json() == {"cids": []}


def test_each_blob_hashes_to_its_name(host: DemoHost) -> None:
    for cid in host.recording.blobs:
        verify_block(parse_cid(cid), sync(host, "getBlob", cid=cid).content)


def test_a_missing_blob_is_an_invalid_request(host: DemoHost) -> None:
    answer = sync(host, "getBlob", cid=host.recording.first.cid)
    assert (answer.status_code, answer.json()["error"]) == (400, "InvalidRequest")


@pytest.mark.parametrize("method", ["getRepo", "getLatestCommit", "listBlobs", "getBlob"])
def test_another_account_is_not_here(host: DemoHost, method: str) -> None:
    answer = sync(host, method, did="did:plc:aaaaaaaaaaaaaaaaaaaaaaaa")
    assert (answer.status_code, answer.json()["error"]) == (400, "RepoNotFound")


def test_the_handle_leads_to_the_did(host: DemoHost) -> None:
    params = {"handle": host.recording.handle}
    assert ask(host, "com.atproto.identity.resolveHandle", params=params).json() == {
        "did": host.recording.did
    }
    headers = {"host": host.recording.handle}
    assert httpx.get(f"{host.url}/.well-known/atproto-did", headers=headers).text == host.recording.did


def test_preferences_are_for_the_owner_alone(host: DemoHost) -> None:
    nsid = "app.bsky.actor.getPreferences"
    assert ask(host, nsid).status_code == 401
    assert ask(host, nsid, token=login(host)["refreshJwt"]).json()["error"] == "InvalidToken"
    assert ask(host, nsid, token=login(host)["accessJwt"]).content == host.recording.preferences


def test_a_wrong_password_is_refused(host: DemoHost) -> None:
    body = {"identifier": host.recording.did, "password": "wrong"}
    answer = ask(host, "com.atproto.server.createSession", method="POST", json=body)
    assert (answer.status_code, answer.json()["error"]) == (401, "AuthenticationRequired")


def test_a_refresh_token_is_good_once(host: DemoHost) -> None:
    token, nsid = login(host)["refreshJwt"], "com.atproto.server.refreshSession"
    assert ask(host, nsid, token=token, method="POST").json()["did"] == host.recording.did
    assert ask(host, nsid, token=token, method="POST").json()["error"] == "ExpiredToken"


@pytest.mark.parametrize("token", ["x", "a.b.c", "..", "a.e30.c"])
def test_a_forged_token_is_refused(host: DemoHost, token: str) -> None:
    answer = ask(host, "app.bsky.actor.getPreferences", token=token)
    assert answer.json()["error"] == "InvalidToken"


def test_a_taken_port_is_an_error_of_the_system() -> None:
    with (
        listening() as sock,
        pytest.raises(OSError, match="in use"),
        run_host(port=sock.getsockname()[1]),
    ):
        raise AssertionError


def test_hosts_run_side_by_side_and_stop(host: DemoHost) -> None:
    with run_host() as other:
        assert other.url != host.url
        assert sync(other, "getLatestCommit").is_success
    with pytest.raises(httpx.ConnectError):
        sync(other, "getLatestCommit")
