"""A worker that was declared dead holds no lock of this machine any more."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from backup_agent.server import presence
from backup_agent.server.presence import Presence

CHILD = """
import fcntl, os, signal, sys
from pathlib import Path
from backup_agent.server.presence import Presence
Presence(Path(sys.argv[1]), "frozen").begin()
file = os.open(Path(sys.argv[1]) / "space.lock", os.O_RDWR | os.O_CREAT)
fcntl.flock(file, fcntl.LOCK_EX)
print("here", flush=True)
signal.pause()
"""


@pytest.fixture
def frozen(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path)], stdout=subprocess.PIPE)
    with process:
        assert process.stdout
        assert process.stdout.readline() == b"here\n"
        process.send_signal(signal.SIGSTOP)
        yield process
        process.kill()


def lives(process: subprocess.Popen[bytes]) -> bool:
    """Whether it does after it had the time to die."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(0.2)
    return process.returncode is None


def test_a_frozen_worker_is_ended_and_its_locks_are_free(
    frozen: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    Presence(tmp_path, "another").end_others(["frozen", "gone long ago"])
    assert frozen.wait(10) == -signal.SIGKILL
    file = os.open(tmp_path / "space.lock", os.O_RDWR)
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(file)
    assert not list(tmp_path.glob("*.worker"))


def test_one_of_another_container_is_left_alone(
    frozen: subprocess.Popen[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "_processes", lambda: "pid:[1]")
    Presence(tmp_path, "another").end_others(["frozen"])
    assert lives(frozen)
    assert [path.name for path in tmp_path.glob("*.worker")] == ["frozen.worker"]


def test_one_of_another_machine_that_shares_the_folder_is_left_alone(
    frozen: subprocess.Popen[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "boot_id").write_text("another")
    monkeypatch.setattr(presence, "BOOT", tmp_path / "boot_id")
    Presence(tmp_path, "another").end_others(["frozen"])
    assert lives(frozen)


def test_who_looks_whether_a_worker_has_ended_is_not_taken_for_it(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path)], stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        path = tmp_path / "frozen.worker"
        path.rename(tmp_path / "reused")  # whose number another process has by now
        path.write_text((tmp_path / "reused").read_text())
        with path.open() as looked_at:
            fcntl.flock(looked_at, fcntl.LOCK_SH)
            Presence(tmp_path, "another").end_others(["frozen"])
        assert lives(process)
        process.kill()


def test_what_nobody_can_read_stops_nothing(frozen: subprocess.Popen[bytes], tmp_path: Path) -> None:
    path = tmp_path / "frozen.worker"
    for said in (b"", b"\xff", path.read_bytes().replace(b" ", b"x ", 1)):
        path.write_bytes(said)
        Presence(tmp_path, "another").end_others(["frozen"])
    assert lives(frozen)


def test_the_file_of_a_worker_that_has_ended_names_nobody(tmp_path: Path) -> None:
    path = tmp_path / "ended.worker"
    path.write_text(str(os.getpid()))
    Presence(tmp_path, "another").end_others(["ended"])
    assert not path.exists()


def test_a_worker_does_not_end_itself(tmp_path: Path) -> None:
    own = Presence(tmp_path, "own")
    own.begin()
    own.end_others(["own"])
    own.end()
    own.end()
    assert list(tmp_path.iterdir()) == []
