"""The command line against the reference PDS, which also imports what was restored."""

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.backup_agent.cli.shell import Shell
from tests.peers.bed import PdsBed
from tests.peers.pds_client import PASSWORD, Json, Owner, call, seed_account, take_down


@pytest.fixture
def shell(
    pds_bed: PdsBed, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Shell:
    environ = {"SKYPAIL_PLC_URL": pds_bed.plc, "SKYPAIL_ALLOW_PRIVATE_HOSTS": "1"}
    return Shell(tmp_path / "home", capsys, monkeypatch, environ)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[httpx.URL]:
    """The URL of every request that is sent from here on."""
    urls: list[httpx.URL] = []
    send = httpx.AsyncClient.send

    async def noted(client: httpx.AsyncClient, request: httpx.Request, **options: Any) -> httpx.Response:
        urls.append(request.url)
        return await send(client, request, **options)

    monkeypatch.setattr(httpx.AsyncClient, "send", noted)
    return urls


def methods(urls: list[httpx.URL]) -> list[str]:
    """The XRPC methods that were asked for, in their order."""
    return [url.path.removeprefix("/xrpc/") for url in urls if url.path.startswith("/xrpc/")]


def back_up(shell: Shell, owner: Owner, code: int = 0) -> Json:
    said = shell("backup", owner.did, "--json")
    assert (said.code, said.err) == (code, "")
    return said.document


def log_in(shell: Shell, owner: Owner) -> None:
    app_password = owner.call("POST", "com.atproto.server.createAppPassword", json={"name": "skypail"})
    said = shell("login", owner.did, stdin=app_password["password"] + "\n")
    assert (said.code, said.err) == (0, "")


def head(owner: Owner) -> Json:
    return call(owner.pds, "GET", "com.atproto.sync.getLatestCommit", params={"did": owner.did})


def blobs_in(shell: Shell, folder: Path) -> dict[str, bytes]:
    """The blobs of the latest snapshot, restored to `folder`."""
    assert shell("restore", "latest", "--to", folder).code == 0
    return {path.name: path.read_bytes() for path in (folder / "blobs").iterdir()}


def cid_of(reference: Json) -> str:
    return reference["ref"]["$link"]


def expired(token: str) -> str:
    """An access token of PDS A as it is two hours later."""
    head, claims, _ = token.split(".")
    told = json.loads(base64.urlsafe_b64decode(claims + "==")) | {"iat": 1, "exp": 2}
    signed = head + "." + base64.urlsafe_b64encode(json.dumps(told).encode()).rstrip(b"=").decode()
    signature = hmac.digest(b"jwt-secret-a", signed.encode(), hashlib.sha256)
    return signed + "." + base64.urlsafe_b64encode(signature).rstrip(b"=").decode()


def test_the_first_backup_is_whole(pds_bed: PdsBed, shell: Shell) -> None:
    owner = seed_account(pds_bed.a, "whole.a.test")
    document = back_up(shell, owner)
    snapshot, status = document["snapshot"], owner.status()
    assert (document["recorded"], document["whole"], document["host"]) == (True, True, owner.pds)
    assert (snapshot["commit"], snapshot["rev"]) == tuple(head(owner).values())
    assert (snapshot["records"], snapshot["blobs"]) == (status["indexedRecords"], status["importedBlobs"])
    assert shell("verify", "--all").code == 0


def test_nothing_new_is_one_request_and_no_snapshot(
    pds_bed: PdsBed, shell: Shell, asked: list[httpx.URL]
) -> None:
    owner = seed_account(pds_bed.a, "quiet.a.test", records=10, blobs=1)
    back_up(shell, owner)
    asked.clear()
    assert back_up(shell, owner)["recorded"] is False
    assert methods(asked) == ["com.atproto.sync.getLatestCommit"]
    assert len(shell("snapshots", "--json").document["snapshots"]) == 1


def test_a_new_post_is_fetched_since_the_last_backup(
    pds_bed: PdsBed, shell: Shell, asked: list[httpx.URL]
) -> None:
    owner = seed_account(pds_bed.a, "posting.a.test", blobs=2)
    first = back_up(shell, owner)["snapshot"]
    made = owner.make_post("one more")
    asked.clear()
    second = back_up(shell, owner)
    since = [url.params.get("since") for url in asked if url.path.endswith("getRepo")]
    assert since == [first["rev"]]
    assert "com.atproto.sync.getBlob" not in methods(asked)
    assert second["writtenBytes"] < 32_000
    added = shell("diff", first["timestamp"], "latest", "--json").document["records"]["added"]
    assert [(each["path"], each["cid"]) for each in added] == [
        (made["uri"].removeprefix(f"at://{owner.did}/"), made["cid"])
    ]
    assert shell("verify", "--all").code == 0


def test_a_blob_goes_with_the_last_record_that_links_it(
    pds_bed: PdsBed, shell: Shell, tmp_path: Path
) -> None:
    owner = seed_account(pds_bed.a, "tidy.a.test", records=5, blobs=0)
    shared, lone = (owner.upload_blob(bytes([n]) * 2_000, "image/png") for n in (1, 2))
    posts = [owner.make_post("a picture", image) for image in (shared, shared, lone)]
    back_up(shell, owner)
    assert blobs_in(shell, tmp_path / "before").keys() == {cid_of(shared), cid_of(lone)}
    for post in (posts[0], posts[2]):
        owner.delete_record("app.bsky.feed.post", post["uri"].rpartition("/")[2])
    assert back_up(shell, owner)["whole"] is True
    assert blobs_in(shell, tmp_path / "after") == {cid_of(shared): b"\1" * 2_000}
    assert shell("verify", "--all").code == 0


def test_preferences_are_sealed_once_and_again_when_they_change(pds_bed: PdsBed, shell: Shell) -> None:
    owner = seed_account(pds_bed.a, "secretive.a.test", records=5, blobs=0)
    log_in(shell, owner)
    first = back_up(shell, owner)["snapshot"]["preferences"]
    owner.make_post("no preference")
    assert back_up(shell, owner)["snapshot"]["preferences"] == first is not None
    assert back_up(shell, owner)["recorded"] is False
    changed = [{"$type": "app.bsky.actor.defs#adultContentPref", "enabled": True}]
    owner.call("POST", "app.bsky.actor.putPreferences", json={"preferences": changed})
    again = back_up(shell, owner)
    assert (again["recorded"], again["snapshot"]["preferences"] != first) == (True, True)
    assert shell("restore", "latest", "--to", shell.home / "out").code == 0
    assert json.loads((shell.home / "out/preferences.json").read_bytes()) == {"preferences": changed}
    assert not any(b"adultContentPref" in each for name, each in shell.files.items() if "out/" not in name)


def test_after_logout_the_preferences_are_kept_and_the_reason_said(pds_bed: PdsBed, shell: Shell) -> None:
    owner = seed_account(pds_bed.a, "leaving.a.test", records=5, blobs=0)
    log_in(shell, owner)
    first = back_up(shell, owner)["snapshot"]
    assert first["certificate"]["excluded"] == {}
    shell("logout", owner.did)
    owner.make_post("logged out")
    second = back_up(shell, owner)["snapshot"]
    assert second["preferences"] == first["preferences"]
    assert "skypail login" in second["certificate"]["excluded"]["preferences"]


def test_a_revoked_app_password_leaves_the_public_part_whole(pds_bed: PdsBed, shell: Shell) -> None:
    owner = seed_account(pds_bed.a, "revoked.a.test", records=5, blobs=1)
    log_in(shell, owner)
    back_up(shell, owner)
    owner.call("POST", "com.atproto.server.revokeAppPassword", json={"name": "skypail"})
    session = next((shell.home / "sessions").glob("*.json"))
    told = json.loads(session.read_text())
    session.write_text(json.dumps(told | {"access": expired(told["access"])}))
    owner.make_post("still public")
    document = back_up(shell, owner, code=3)
    assert (document["recorded"], document["snapshot"]["missing"]) == (True, 0)
    assert "log in again" in document["snapshot"]["certificate"]["excluded"]["preferences"]


def test_a_deactivated_account_is_backed_up_by_its_owner_alone(pds_bed: PdsBed, shell: Shell) -> None:
    owner = seed_account(pds_bed.a, "dozing.a.test", records=20, blobs=2)
    owner.call("POST", "com.atproto.server.deactivateAccount", json={})
    refused = shell("backup", owner.did)
    assert (refused.code, refused.out.splitlines()[0], refused.err.count("\n")) == (
        1,
        f"Made a new space in {shell.home / 'space'}",
        1,
    )
    assert "is deactivated" in refused.err
    assert "`skypail login`" in refused.err
    assert shell("login", owner.did, stdin=PASSWORD + "\n").code == 0
    document = back_up(shell, owner)
    assert (document["whole"], document["snapshot"]["blobs"]) == (True, 2)
    assert shell("verify").code == 0


def test_an_account_taken_down_is_backed_up_by_its_owner_alone(pds_bed: PdsBed, shell: Shell) -> None:
    owner = seed_account(pds_bed.a, "felled.a.test", records=20, blobs=2)
    take_down(owner)
    refused = shell("backup", owner.did)
    assert (refused.code, refused.out.splitlines()[0], refused.err.count("\n")) == (
        1,
        f"Made a new space in {shell.home / 'space'}",
        1,
    )
    assert "was taken down" in refused.err
    assert shell("login", owner.did, stdin=PASSWORD + "\n").code == 0
    said = shell("backup", owner.did, "--json")
    assert said.document["snapshot"]["records"] == 20
    assert (said.code, said.document["snapshot"]["missing"]) == (0, 0), said.document
    assert shell("verify").code == 0


def test_an_account_that_is_not_there(pds_bed: PdsBed, shell: Shell) -> None:
    said = shell("backup", "did:plc:" + "a" * 24)
    assert (said.code, said.out, said.err.count("\n")) == (1, "", 1)
    assert "does not know did:plc:aaa" in said.err


def test_the_reference_implementation_imports_what_was_restored(
    pds_bed: PdsBed, shell: Shell, tmp_path: Path
) -> None:
    owner = seed_account(pds_bed.a, "mover.a.test")
    log_in(shell, owner)
    snapshot = back_up(shell, owner)["snapshot"]
    blobs, mime = blobs_in(shell, tmp_path / "out"), {cid_of(each): each["mimeType"] for each in owner.blobs}
    moved = owner.move_to(pds_bed.b, "mover.b.test")
    moved.import_repo((tmp_path / "out/repo.car").read_bytes())
    status = moved.status()
    assert status["repoCommit"] == snapshot["commit"]
    assert (status["indexedRecords"], status["expectedBlobs"]) == (snapshot["records"], snapshot["blobs"])
    for cid, content in blobs.items():
        assert cid_of(moved.upload_blob(content, mime[cid])) == cid
    assert moved.status()["importedBlobs"] == status["expectedBlobs"] == len(owner.blobs)
    restored = json.loads((tmp_path / "out/preferences.json").read_bytes())
    moved.call("POST", "app.bsky.actor.putPreferences", json=restored)
    assert moved.call("GET", "app.bsky.actor.getPreferences") == restored


def test_an_older_snapshot_is_imported_as_it_was(pds_bed: PdsBed, shell: Shell, tmp_path: Path) -> None:
    owner = seed_account(pds_bed.a, "regret.a.test", records=30, blobs=1)
    first = back_up(shell, owner)["snapshot"]
    owner.delete_record("app.bsky.actor.profile", "self")
    back_up(shell, owner)
    assert shell("restore", first["timestamp"], "--to", tmp_path / "then").code == 0
    moved = owner.move_to(pds_bed.b, "regret.b.test")
    moved.import_repo((tmp_path / "then/repo.car").read_bytes())
    assert (moved.status()["repoCommit"], moved.status()["indexedRecords"]) == (first["commit"], 30)
