"""No room left at any write of a backup: one clear error, nothing half recorded; the next run completes."""

import tempfile
from pathlib import Path
from typing import Any, NoReturn

import pytest

from backup_agent.run import blobs
from space import SpaceFull
from tests.backup_agent.run.desk import desk
from tests.faulty_host import FaultyHost
from tests.space.faults import TrippingFiles, disk_full


def steps_of_a_run(host: FaultyHost, folder: Path) -> int:
    files = TrippingFiles(1 << 30, disk_full)
    folder.mkdir()
    with desk(host, folder, files=files) as laptop:
        before = files.steps
        laptop.back_up()
        return files.steps - before


def full(*_: Any, **__: Any) -> NoReturn:
    disk_full()
    raise AssertionError


def test_a_full_disk_at_every_write_of_the_run(
    host: FaultyHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blobs, "FLUSH_BYTES", 1 << 20)
    steps = steps_of_a_run(host, tmp_path / "whole")
    assert steps > 20
    for step in [*range(0, steps - 10, 4), *range(steps - 10, steps)]:
        folder = tmp_path / str(step)
        folder.mkdir()
        files = TrippingFiles(1 << 30, disk_full)
        with desk(host, folder, files=files) as laptop:
            files._at = files.steps + step  # pyright: ignore[reportPrivateUsage]
            with pytest.raises(SpaceFull):
                laptop.back_up()
            # At the last step the head has its name already, and may or may not survive a power cut.
            assert not laptop.entries() or step == steps - 1
            assert laptop.space.check().whole
            files._at = 1 << 30  # pyright: ignore[reportPrivateUsage]
            assert laptop.back_up().whole
            assert laptop.all_whole()


@pytest.mark.parametrize("where", ["journal", "sealed note", "a large blob"])
def test_a_full_disk_of_the_home_is_no_riddle_either(
    host: FaultyHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    async def preferences() -> bytes:
        return b'{"preferences": []}'

    with desk(host, tmp_path) as laptop:
        laptop.preferences = preferences
        with monkeypatch.context() as patch:
            patch.setattr(blobs, "FLUSH_BYTES", 1)
            if where == "journal":
                patch.setattr(Path, "open", full)
            elif where == "sealed note":
                patch.setattr(Path, "write_text", full)
            else:
                patch.setattr(tempfile.SpooledTemporaryFile, "write", full)
            with pytest.raises(SpaceFull):
                laptop.back_up()
        assert laptop.entries() == []
        assert laptop.back_up().whole
        assert laptop.all_whole()
