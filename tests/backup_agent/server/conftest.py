"""Fixtures of the server agent's tests: an owner's machine, a host, a clock service."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backup_agent.cli.clock_process import ClockProcess, running_clock
from tests.backup_agent.cli.shell import Shell
from tests.faulty_host import FaultyHost, run_faulty_host


@pytest.fixture
def host() -> Iterator[FaultyHost]:
    with run_faulty_host() as faulty:
        yield faulty


@pytest.fixture
def environ(host: FaultyHost) -> dict[str, str]:
    """Of every process: the way to the host, which is this machine's own."""
    return {"SKYPAIL_PLC_URL": host.url, "SKYPAIL_ALLOW_PRIVATE_HOSTS": "1"}


@pytest.fixture
def owner(
    tmp_path: Path,
    environ: dict[str, str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Shell:
    """The owner's machine, where skypail never ran."""
    return Shell(tmp_path / "owner", capsys, monkeypatch, environ)


@pytest.fixture
def clock(tmp_path: Path) -> Iterator[ClockProcess]:
    """A clock service that hosts anybody's clock."""
    with running_clock(tmp_path / "clock", "--provision", "open") as service:
        yield service
