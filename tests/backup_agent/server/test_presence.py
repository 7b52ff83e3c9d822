"""A worker that was declared dead holds no lock of this machine any more."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
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
    assert frozen.poll() is None
    assert [path.name for path in tmp_path.glob("*.worker")] == ["frozen.worker"]


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
