"""A slip in --space makes no second space: what cannot be meant is refused in one sentence."""

from pathlib import Path

import pytest

from space import open_folder
from tests.backup_agent.cli.shell import Shell
from tests.faulty_host import FaultyHost
from tests.space.blocks import DID, block

ACCOUNT = "did:plc:" + "b" * 24


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A folder with a space in one below it, `pail`."""
    with (
        open_folder(tmp_path / "Shared/pail", cache=tmp_path / "cache", did=DID) as space,
        space.stage() as stage,
    ):
        stage.put_many([block(1)])
        stage.publish()
    return tmp_path / "Shared"


def test_no_space_is_made_around_another(online: Shell, host: FaultyHost, shared: Path) -> None:
    said = online("backup", host.demo.recording.did, "--space", shared)
    assert (said.code, said.out, said.err.count("\n")) == (1, "", 1)
    assert f"{shared} holds no space, and {shared}/pail does: name that with --space" in said.err
    assert [path.name for path in shared.iterdir()] == ["pail"]


def test_nor_around_one_that_lost_its_file(online: Shell, host: FaultyHost, shared: Path) -> None:
    [file] = (shared / "pail").glob("*.space")
    file.unlink()
    assert f"{shared}/pail does" in online("backup", host.demo.recording.did, "--space", shared).err


def test_nor_by_a_copy(kept: Shell, shared: Path) -> None:
    said = kept("space", "copy", shared)
    assert (said.code, f"{shared}/pail does" in said.err) == (1, True)
    assert [path.name for path in shared.iterdir()] == ["pail"]


def test_other_folders_in_it_are_no_matter(kept: Shell, tmp_path: Path) -> None:
    for other in ("photos/shards", ".stversions/shards"):
        (tmp_path / "disk" / other).mkdir(parents=True)
    assert kept("space", "copy", tmp_path / "disk").code == 0


def test_a_space_with_another_below_it_goes_on(kept: Shell, tmp_path: Path) -> None:
    assert kept("space", "copy", tmp_path / "disk").code == 0
    open_folder(tmp_path / "disk/pail", cache=tmp_path / "cache", did=DID).close()
    for command in ("space copy", "check --space"):
        assert kept(*command.split(), tmp_path / "disk").code == 0


@pytest.mark.parametrize("command", ["check", "repair", "prune --keep-last 1", f"backup {ACCOUNT}"])
def test_a_file_is_said_to_be_one(shell: Shell, tmp_path: Path, command: str) -> None:
    (tmp_path / "plain").write_bytes(b"")
    said = shell(*command.split(), "--space", tmp_path / "plain")
    assert (said.code, said.out, said.err.count("\n")) == (1, "", 1)
    assert f"{tmp_path}/plain is a file, not a folder" in said.err


def test_nothing_is_copied_to_a_file(kept: Shell, tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"")
    said = kept("space", "copy", tmp_path / "plain")
    assert (said.code, f"{tmp_path}/plain is a file, not a folder" in said.err) == (1, True)


@pytest.mark.parametrize("text", ["s3:/typo", "gs:/b", "https:/example.com/x", "file:/tmp/x", "S3:/x"])
def test_a_url_with_one_slash_is_no_folder(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.chdir(tmp_path)
    said = shell("backup", ACCOUNT, "--space", text)
    assert (said.code != 0, said.out) == (True, "")
    assert "has two slashes" in said.err
    assert not list(tmp_path.iterdir())
