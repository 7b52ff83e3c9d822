"""Fixtures of the command line's tests: an empty machine, one with a host, one with two snapshots."""

import logging
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backup_agent.cli.shell import Shell
from tests.faulty_host import FaultyHost, run_faulty_host


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A machine where skypail never ran."""
    return Shell(tmp_path / "home", capsys, monkeypatch)


@pytest.fixture(autouse=True)
def _logs_of_this_test_alone() -> Iterator[None]:
    """A command that serves logs to the stderr of its process, which is another for the next test."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def host() -> Iterator[FaultyHost]:
    with run_faulty_host() as faulty:
        yield faulty


@pytest.fixture
def online(shell: Shell, host: FaultyHost) -> Shell:
    """A machine that reaches the host, and nothing backed up yet."""
    shell.environ = {"SKYPAIL_PLC_URL": host.url, "SKYPAIL_ALLOW_PRIVATE_HOSTS": "1"}
    return shell


@pytest.fixture(scope="session")
def _two_snapshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("cli") / "home"
    with pytest.MonkeyPatch.context() as patch, run_faulty_host() as host:
        patch.setenv("SKYPAIL_HOME", str(home))
        patch.setenv("SKYPAIL_PLC_URL", host.url)
        patch.setenv("SKYPAIL_ALLOW_PRIVATE_HOSTS", "1")
        from backup_agent.cli.app import app
        from backup_agent.cli.failure import run_app

        assert run_app(app, ["backup", host.demo.recording.did]) == 0
        host.demo.publish_next_post()
        assert run_app(app, ["backup", host.demo.recording.did]) == 0
    return home


@pytest.fixture
def kept(shell: Shell, _two_snapshots: Path) -> Shell:
    """A machine with two snapshots of one account, one new post between them, and no network."""
    shutil.copytree(_two_snapshots, shell.home)
    return shell
