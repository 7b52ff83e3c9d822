"""Commands that look at snapshots: what they name, what they print, and what they answer with."""

import pytest

from tests.backup_agent.cli.kept import DID, PROFILE, RECORDING, rows
from tests.backup_agent.cli.shell import STRANGER, Shell, add_snapshot, add_stranger
from tests.faults import refused
from tests.faulty_host import GET_LATEST_COMMIT, FaultyHost


def test_snapshots_are_listed_oldest_first(kept: Shell) -> None:
    first, second = rows(kept)
    assert first["timestamp"] < second["timestamp"]
    assert (first["commit"], second["commit"]) == (RECORDING.first.cid, RECORDING.second.cid)
    assert (second["records"], second["blobs"], second["missing"]) == (
        first["records"] + 1,
        len(RECORDING.blobs),
        0,
    )
    assert first.keys() >= {"account", "timestamp", "rev", "commit", "backup", "records", "blobs", "missing"}


def test_the_table_has_a_line_for_each_snapshot(kept: Shell) -> None:
    said = kept("snapshots")
    head, *lines = said.out.splitlines()
    assert head.split() == ["ACCOUNT", "TIMESTAMP", "REV", "RECORDS", "BLOBS", "SIZE", "MISSING", "BACKUP"]
    assert [line.split()[0] for line in lines] == [DID, DID]
    assert [line.split()[-1] for line in lines] == [row["backup"] for row in rows(kept)]


def test_a_snapshot_has_three_names(kept: Shell) -> None:
    newest = rows(kept)[-1]
    names = ("latest", newest["timestamp"], newest["backup"])
    shown = [kept("show", name, "--json").document for name in names]
    assert shown[0] == shown[1] == shown[2]
    assert shown[0]["commit"] == RECORDING.second.cid


def test_showing_a_snapshot_to_people(kept: Shell) -> None:
    said = kept("show", "latest")
    assert said.code == 0
    for part in (
        DID,
        RECORDING.second.cid,
        "6 blobs",
        "none missing",
        "Preferences  none",
        f"`skypail login {DID}`",
    ):
        assert part in said.out


@pytest.mark.parametrize("name", ["yesterday", "2020-01-01T00:00:00.000Z", RECORDING.first.cid, ""])
def test_an_unknown_snapshot(kept: Shell, name: str) -> None:
    for command in (["show", name], ["verify", name], ["get", name, PROFILE], ["diff", name, "latest"]):
        said = kept(*command)
        assert (said.code, said.out) == (1, "")
        assert said.err == f"skypail: no snapshot {name!r}; `skypail snapshots` lists those there are\n"


def test_an_account_without_snapshots(kept: Shell) -> None:
    assert f"no snapshots of {STRANGER} yet" in kept("show", "latest", "-a", STRANGER).err
    assert kept("verify", "--all", "-a", STRANGER).code == 1
    assert kept("snapshots", "-a", STRANGER, "--json").document == {"snapshots": []}


def test_a_space_without_snapshots(online: Shell, host: FaultyHost) -> None:
    host.fault(GET_LATEST_COMMIT, refused("RepoDeactivated"))
    assert online("backup", DID).code == 1
    for command in (["verify", "--all"], ["verify"], ["show", "latest"]):
        said = online(*command)
        assert (said.code, said.err.count("\n")) == (1, 1)
        assert "there are no snapshots yet" in said.err


def test_the_beginning_of_a_name_is_enough(kept: Shell) -> None:
    add_snapshot(kept.home, created_at="2090-01-02T03:04:05.678Z")
    newest = rows(kept)[-1]
    for beginning in ("2090-01-02", "2090-01-02T03:04", newest["backup"][:16]):
        assert kept("show", beginning, "--json").document["backup"] == newest["backup"]
    assert "no snapshot '2090-01'" in kept("show", "2090-01").err
    assert "no snapshot 'bafyrei'" in kept("show", "bafyrei").err


def test_a_beginning_of_several_is_asked_back(kept: Shell) -> None:
    day = rows(kept)[0]["timestamp"][:10]
    add_snapshot(kept.home, created_at=f"{day}T00:00:00.000Z")
    said = kept("show", day, "--json")
    assert (said.code, said.document["error"]["type"]) == (1, "SnapshotUnclear")
    assert f"snapshots begin with '{day}'" in said.err


def test_latest_of_two_accounts_is_asked_back(kept: Shell) -> None:
    add_stranger(kept.home)
    said = kept("show", "latest", "--json")
    assert said.code == 1
    assert said.document["error"]["type"] == "SnapshotAmbiguous"
    assert STRANGER in said.err
    assert DID in said.err
    assert "--account" in said.err


def test_a_handle_is_that_of_the_snapshots_and_asks_nobody(kept: Shell) -> None:
    kept.environ = {"SKYPAIL_PLC_URL": "http://127.0.0.1:9"}
    for name in (RECORDING.handle, f"@{RECORDING.handle.upper()}"):
        assert kept("show", "latest", "--account", name, "--json").document["account"] == DID
    assert [row["handle"] for row in rows(kept)] == [RECORDING.handle] * 2
    assert f"Handle       {RECORDING.handle}, as claimed then" in kept("show", "latest").out
    assert kept("logout", RECORDING.handle) == (0, f"There was no session of {DID}\n", "")


def test_a_handle_of_no_snapshot_is_looked_up(kept: Shell) -> None:
    said = kept("show", "latest", "-a", "other.test")
    assert (said.code, said.out) == (1, "")
    assert "unknown handle other.test" in said.err


def test_the_account_decides_between_two(kept: Shell) -> None:
    add_stranger(kept.home)
    for did in (DID, STRANGER):
        assert kept("show", "latest", "--account", did, "--json").document["account"] == did
    assert len(rows(kept)) == 3


def test_a_timestamp_of_two_accounts_is_asked_back(kept: Shell) -> None:
    add_stranger(kept.home)
    assert "fits snapshots of 2 accounts" in kept("show", rows(kept)[-1]["timestamp"]).err


def test_snapshots_of_two_accounts_are_not_compared(kept: Shell) -> None:
    add_stranger(kept.home)
    said = kept("diff", rows(kept)[0]["backup"], rows(kept)[-1]["backup"])
    assert (said.code, said.out) == (1, "")
    assert f"one snapshot is of {DID} and the other of {STRANGER}" in said.err


def test_a_difference(kept: Shell) -> None:
    old, new = (row["backup"] for row in rows(kept))
    records = kept("diff", old, new, "--json").document["records"]
    assert [len(records[kind]) for kind in ("added", "changed", "deleted")] == [1, 0, 0]
    path = records["added"][0]["path"]
    assert kept("get", old, path).code == 1
    assert kept("get", new, path, "--json").document["cid"] == records["added"][0]["cid"]
    assert kept("diff", new, old, "--json").document["records"]["deleted"] == records["added"]


def test_a_difference_for_people(kept: Shell) -> None:
    old, new = (row["timestamp"] for row in rows(kept))
    assert kept("diff", old, new).out.endswith("Records: +1 ~0 -0. Blobs: +0 -0.\n")
    assert kept("diff", new, new).out == "Records: +0 ~0 -0. Blobs: +0 -0.\n"


def test_a_record(kept: Shell) -> None:
    value = kept("get", "latest", PROFILE).document
    assert value["$type"] == "app.bsky.actor.profile"
    whole = kept("get", "latest", PROFILE, "--json").document
    assert whole["value"] == value
    assert (whole["account"], whole["path"]) == (DID, PROFILE)


def test_a_record_by_its_address(kept: Shell) -> None:
    assert kept("get", "latest", f"at://{DID}/{PROFILE}") == kept("get", "latest", PROFILE)
    assert f"it is one of {DID}" in kept("get", "latest", f"at://{STRANGER}/{PROFILE}").err
    for text in (f"at://{DID}", f"at://{DID}/app.bsky.feed.post", "at://", "at://x y/z"):
        assert "write it as at://DID/COLLECTION/RKEY" in kept("get", "latest", text).err


def test_the_records_of_a_snapshot(kept: Shell) -> None:
    every = kept("records", "latest").out.splitlines()
    assert (len(every), every) == (rows(kept)[-1]["records"], sorted(every))
    [profile] = kept("records", "latest", "app.bsky.actor.profile", "--json").document["records"]
    assert profile == {"path": PROFILE, "cid": kept("get", "latest", PROFILE, "--json").document["cid"]}
    assert kept("records", "latest", "app.bsky.actor") == (0, "", "")


def test_what_has_the_form_of_a_path_is_not_told_the_form(kept: Shell) -> None:
    assert "`skypail records` lists" in kept("get", "latest", "app.bsky.actor.profile/other").err
    assert "write it as COLLECTION/RKEY" in kept("get", "latest", "nothing").err


@pytest.mark.parametrize("path", ["app.bsky.actor.profile/other", "nothing", "", "a/b/c", "ü/ñ", "x" * 3000])
def test_a_record_that_is_not_there(kept: Shell, path: str) -> None:
    said = kept("get", "latest", path)
    assert (said.code, said.out) == (1, "")
    assert "has no record" in said.err
    assert kept("get", "latest", path, "--json").document["error"]["type"] == "RecordNotFound"
