"""`skypail backup` as its user meets it: the words, the one document, the exit code."""

import json
import tempfile
from pathlib import Path

import pytest

from tests.backup_agent.cli.shell import Shell, add_snapshot, damage
from tests.faults import refused, replaced, truncated
from tests.faulty_host import GET_BLOB, GET_LATEST_COMMIT, GET_REPO, FaultyHost


def did_of(host: FaultyHost) -> str:
    return host.demo.recording.did


def test_a_backup_in_words(online: Shell, host: FaultyHost) -> None:
    said = online("backup", did_of(host))
    assert (said.code, said.err) == (0, "")
    assert f"{did_of(host)} at {host.url}\nRecorded 20" in said.out
    assert "300 records, 6 blobs (2.7 MB), none missing" in said.out
    assert "not included: preferences: nobody is logged in" in said.out
    again = online("backup", did_of(host))
    assert again.code == 0
    assert "Nothing has changed since 20" in again.out
    assert "Holds: 300 records" in again.out


def test_a_backup_as_one_document(online: Shell, host: FaultyHost) -> None:
    first = online("backup", did_of(host), "--json").document
    assert (first["recorded"], first["whole"], first["account"]) == (True, True, did_of(host))
    assert first["snapshot"]["commit"] == host.demo.recording.first.cid
    again = online("backup", did_of(host), "--json").document
    assert (again["recorded"], again["writtenBytes"]) == (False, 0)
    assert again["snapshot"]["backup"] == first["snapshot"]["backup"]


def test_a_missing_blob_is_exit_code_3_and_named(online: Shell, host: FaultyHost) -> None:
    bad = min(host.demo.recording.blobs)
    host.fault(GET_BLOB, refused("BlobNotFound"), cid=bad)
    said = online("backup", did_of(host))
    assert said.code == 3
    assert f"missing blob {bad}: host localhost" in said.out
    assert "asked for again" in said.out
    document = online("backup", did_of(host), "--json")
    assert (document.code, document.document["whole"]) == (3, False)
    assert list(document.document["snapshot"]["certificate"]["missing"]) == [bad]
    assert online("verify").code == 3


def test_what_is_missing_stays_said_after_restoring(online: Shell, host: FaultyHost) -> None:
    bad = min(host.demo.recording.blobs)
    host.fault(GET_BLOB, refused("BlobNotFound"), cid=bad)
    online("backup", did_of(host))
    said = online("restore", "latest", "--to", online.home / "out")
    assert said.code == 3
    assert f"missing blob {bad}" in said.out
    told = json.loads((online.home / "out/certificate.json").read_text())
    assert list(told["certificate"]["missing"]) == [bad]


def test_a_host_that_lies_is_exit_code_1_and_nothing_recorded(online: Shell, host: FaultyHost) -> None:
    host.fault(GET_REPO, truncated(10_000))
    said = online("backup", did_of(host), "--json")
    assert said.code == 1
    assert said.document["error"]["type"] == "BackupRefused"
    assert said.err.count("\n") == 1
    assert "nothing was recorded" in said.err
    assert online("snapshots", "--json").document == {"snapshots": []}


def test_an_account_that_is_not_served(online: Shell, host: FaultyHost) -> None:
    host.fault(GET_LATEST_COMMIT, refused("RepoDeactivated"))
    said = online("backup", did_of(host))
    assert (said.code, said.out.count("\n")) == (1, 2)
    assert "is deactivated" in said.err
    assert "skypail login" in said.err


def test_an_answer_that_makes_no_sense(online: Shell, host: FaultyHost) -> None:
    host.fault(GET_LATEST_COMMIT, replaced(b"<html>nothing here</html>"))
    said = online("backup", did_of(host))
    assert (said.code, said.out.count("\n"), said.err.count("\n")) == (1, 2, 1)


def test_a_host_in_trouble_is_tried_later(
    online: Shell, host: FaultyHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backup_agent.net.retry.FIRST_WAIT_S", 0.0)
    host.fault(GET_LATEST_COMMIT, refused("InternalServerError", code=500))
    said = online("backup", did_of(host))
    assert said.code == 1
    assert f"for account {did_of(host)}; try again later" in said.err


def test_a_snapshot_of_the_end_of_time_stops_no_backup(online: Shell, host: FaultyHost) -> None:
    online("backup", did_of(host))
    add_snapshot(online.home, created_at="9999-12-31T23:59:59.999Z")
    assert online("backup", did_of(host), "--json").document["recorded"] is False
    host.demo.publish_next_post()
    said = online("backup", did_of(host), "--json")
    assert (said.code, said.document["recorded"]) == (0, True)
    assert said.document["snapshot"]["timestamp"] < "2999"


def test_what_was_damaged_is_fetched_again_and_said(online: Shell, host: FaultyHost) -> None:
    online("backup", did_of(host))
    damage(online.home)
    assert online("verify").code == 1
    said = online("backup", did_of(host))
    assert said.code == 0
    assert "What was damaged in" in said.out
    assert " block" in said.out
    assert ", fetched again\nProved: " in said.out
    assert online("verify").code == 0


def test_no_space_is_made_for_an_account_that_nobody_knows(online: Shell) -> None:
    said = online("backup", "did:plc:" + "z" * 24)
    assert (said.code, said.out) == (1, "")
    assert online("space", "list", "--json").document["spaces"] == []


def test_a_private_host_is_refused_unless_allowed(online: Shell, host: FaultyHost) -> None:
    online.environ["SKYPAIL_ALLOW_PRIVATE_HOSTS"] = "0"
    said = online("backup", did_of(host))
    assert (said.code, said.out) == (1, "")
    assert "refused to connect to 'localhost'" in said.err
    assert not host.requests


def test_a_space_of_ones_own(online: Shell, host: FaultyHost) -> None:
    there = online.home.parent / "space"
    said = online("backup", did_of(host), "--space", there)
    made, key, *_ = said.out.splitlines()
    assert (said.code, made) == (0, f"Made a new space in {there}")
    assert f"`skypail space key export --space {there}`" in key
    assert "Made a new space" not in online("backup", did_of(host), "--space", there).out
    assert not (online.home / "space").exists()
    assert len(online("snapshots", "--space", there, "--json").document["snapshots"]) == 1
    assert online("snapshots").code == 1


def test_the_demo(shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    said = shell("demo", "--json")
    assert (said.code, said.err) == (0, "")
    document = said.document
    assert document["whole"] is True
    assert len(document["snapshots"]) == 2
    assert not shell.home.exists()
