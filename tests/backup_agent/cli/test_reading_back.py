"""Commands that read a backup again, whole or damaged: verify, check, restore."""

import base64
import hashlib
import json
from pathlib import Path

import pytest

from pail import encode_block, encode_dag_cbor, parse_cid
from tests.backup_agent.cli.kept import DID, RECORDING, rows
from tests.backup_agent.cli.shell import Shell, add_snapshot, damage
from ucan import Verifier


def test_verifying_everything(kept: Shell) -> None:
    said = kept("verify", "--all", "--json")
    assert (said.code, said.document["whole"]) == (0, True)
    assert [each["whole"] for each in said.document["snapshots"]] == [True, True]
    assert kept("verify").out.startswith(f"WHOLE   {DID} ")


def test_checking_and_repairing_a_good_space(kept: Shell) -> None:
    for command in (["check"], ["check", "--quick"], ["repair"]):
        assert "\nWhole: every shard that is here." in kept(*command).out
        assert kept(*command, "--json").document["whole"] is True


def test_damage_is_named_by_every_command_that_meets_it(kept: Shell) -> None:
    kept("snapshots")
    damage(kept.home)
    verified = kept("verify", "--all")
    assert verified.code == 1
    assert "DAMAGED" in verified.out
    checked = kept("check")
    assert checked.code == 1
    assert "damaged: " in checked.out
    assert kept("check", "--json").document["whole"] is False
    assert kept("verify", "--json").document["whole"] is False


def test_snapshots_that_cannot_be_found_for_damage_are_no_success(kept: Shell) -> None:
    damage(kept.home)  # before this machine knows what is in the shard
    for command in (["snapshots"], ["verify", "--all"], ["show", "latest"]):
        said = kept(*command)
        assert said.code == 1
        assert "some snapshots" in said.err
        assert "`skypail space recover`" in said.err
    assert kept("repair").code == 1
    assert len(rows(kept)) == 2


def test_a_damaged_blob_does_not_keep_the_rest_from_being_restored(kept: Shell, tmp_path: Path) -> None:
    kept("snapshots")
    damage(kept.home)
    said = kept("restore", "latest", "--to", tmp_path / "out", "--json")
    assert (said.code, said.document["blobs"]) == (3, len(RECORDING.blobs) - 1)
    [(name, why)] = said.document["damaged"].items()
    assert "block" in why
    there = {f"blobs/{path.name}" for path in (tmp_path / "out/blobs").iterdir()}
    assert there == {f"blobs/{cid}" for cid in RECORDING.blobs} - {name}
    assert json.loads((tmp_path / "out/certificate.json").read_text())["restore"]["damaged"] == {name: why}
    assert (
        f"Damaged in the backup, so not here:\n  {name}: {why}" in (tmp_path / "out/README.txt").read_text()
    )
    assert f"not restored: {name}" in kept("restore", "latest", "--to", tmp_path / "words").out


def test_a_damaged_record_is_restored_by_nothing(kept: Shell, tmp_path: Path) -> None:
    kept("snapshots")
    damage(kept.home, b"app.bsky.actor.profile")
    said = kept("restore", "latest", "--to", tmp_path / "out")
    assert (said.code, said.out, said.err.count("\n")) == (1, "", 1)
    assert "`skypail check` tells more" in said.err
    assert list(tmp_path.iterdir()) == [kept.home]


def test_a_damaged_head_is_named_and_a_stray_file_is_not(kept: Shell) -> None:
    (kept.home / "space/heads/.DS_Store").write_bytes(b"\0\0\0\1Bud1")
    assert kept("snapshots").err == ""
    (kept.home / "space/heads/other.head").write_bytes(b"\0" * 40)
    for command in (["snapshots"], ["check"], ["verify", "--all"]):
        said = kept(*command)
        assert said.code == 1
        assert "passed over other.head" in said.err


def test_restoring(kept: Shell, tmp_path: Path) -> None:
    said = kept("restore", "latest", "--to", tmp_path / "a/b", "--json")
    assert (said.code, said.document["folder"]) == (0, str(tmp_path / "a/b"))
    names = {path.name for path in (tmp_path / "a/b").iterdir()}
    assert names == {"repo.car", "blobs", "identity", "certificate.json", "README.txt"}
    told = json.loads((tmp_path / "a/b/certificate.json").read_text())
    assert told["snapshot"] == said.document["snapshot"]["backup"]
    assert (told["handle"], told["restore"]) == (RECORDING.handle, {"doubt": None, "damaged": {}})


def test_the_certificate_of_a_restored_folder_can_be_checked_without_the_space(
    kept: Shell, tmp_path: Path
) -> None:
    kept("restore", "latest", "--to", tmp_path / "out")
    told = json.loads((tmp_path / "out/certificate.json").read_text())
    backup, certificate = told["backup"], told["certificate"]
    for name in ("repo", "blobs", "identity", "certificate"):
        backup[name] = parse_cid(backup[name])
    certificate["previous"] = parse_cid(certificate["previous"])
    certificate["subject"] = bytes.fromhex(certificate["subject"])
    certificate["sig"] = base64.b64decode(certificate["sig"])
    assert str(encode_block(backup).cid) == told["snapshot"]
    assert encode_block(certificate).cid == backup.pop("certificate")
    assert hashlib.sha256(encode_dag_cbor(backup)).digest() == certificate["subject"]
    sig = certificate.pop("sig")
    Verifier.parse(certificate["agent"]).verify_varsig(encode_dag_cbor(certificate), sig)


def test_the_readme_lists_what_is_there(kept: Shell, tmp_path: Path) -> None:
    kept("restore", "latest", "--to", tmp_path / "out")
    text = (tmp_path / "out/README.txt").read_text()
    for part in (DID, RECORDING.handle, rows(kept)[-1]["timestamp"], "repo.car", "blobs", "plc-audit"):
        assert part in text
    for part in ("preferences", "not here", "Could not be had"):
        assert part not in text


def test_a_snapshot_that_is_not_to_be_believed_is_restored_with_a_warning(
    kept: Shell, tmp_path: Path
) -> None:
    add_snapshot(kept.home, created_at="2090-01-01T00:00:00.000Z", signed=False)
    said = kept("restore", "latest", "--to", tmp_path / "out", "--json")
    assert said.code == 3
    assert "do not believe what was restored: the certificate is not signed by" in said.err
    assert "is not signed by" in said.document["doubt"]
    assert "Not to be believed" in (tmp_path / "out/README.txt").read_text()


def test_nothing_is_restored_over_something(kept: Shell, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    for folder in (tmp_path, tmp_path / "mine"):
        said = kept("restore", "latest", "--to", folder)
        assert (said.code, said.out) == (1, "")
        assert "is there already and not an empty folder" in said.err
    assert (tmp_path / "mine").read_text() == "mine"


@pytest.mark.parametrize("folder", ["/proc/out", "/dev/null/out"])
def test_a_folder_that_cannot_be_made(kept: Shell, folder: str) -> None:
    said = kept("restore", "latest", "--to", folder)
    assert (said.code, said.out, said.err.count("\n")) == (1, "", 1)
    assert "cannot be made" in said.err
