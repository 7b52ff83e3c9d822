"""A folder that can only be read is looked at as ever; what would write says so, and claims nothing."""

import errno
import os
from pathlib import Path

import pytest

from space.files import LocalFiles
from tests.backup_agent.cli.shell import Shell, damage


def lock(kept: Shell, number: int = errno.EROFS) -> None:
    """From now on nothing can be made in the space's folder; a flag of a mount, which a test cannot set."""
    create = LocalFiles.create

    def refuse(self: LocalFiles, path: Path) -> int:
        if path.is_relative_to(kept.home / "space"):
            raise OSError(number, os.strerror(number), str(path))
        return create(self, path)

    kept.monkeypatch.setattr(LocalFiles, "create", refuse)


@pytest.mark.parametrize("command", ["repair", "prune --keep-last 1"])
def test_who_would_write_says_so_in_one_sentence(kept: Shell, command: str) -> None:
    lock(kept)
    said = kept(*command.split())
    assert (said.code, said.out, said.err.count("\n")) == (1, "", 1)
    assert f"{kept.home}/space is read-only, and this writes there: make it writable" in said.err


def test_a_folder_that_is_closed_to_this_user_is_named_too(kept: Shell) -> None:
    lock(kept, errno.EACCES)
    said = kept("repair")
    assert (said.code, said.out) == (1, "")
    assert f"{kept.home}/space" in said.err
    assert "this user may not" in said.err


def test_a_repair_that_was_done_before_claims_nothing_either(kept: Shell) -> None:
    kept("snapshots")
    damage(kept.home)
    kept("repair")
    lock(kept)
    assert (kept("repair").code, kept("repair").out) == (1, "")


def test_looking_needs_no_right_to_write(kept: Shell) -> None:
    lock(kept)
    for command in ("check", "snapshots", "verify --all"):
        assert kept(*command.split()).code == 0
