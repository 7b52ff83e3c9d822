"""Fixtures of the command line's tests: machines with and without a host, snapshots and clock services."""

import logging
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backup_agent.cli.clock_process import ClockProcess, running_clock
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


@pytest.fixture
def user(kept: Shell) -> Shell:
    """The same, and it may talk to this machine's services."""
    kept.environ = {"SKYPAIL_ALLOW_PRIVATE_HOSTS": "1"}
    return kept


@pytest.fixture
def nowhere() -> Iterator[str]:
    """A place that nobody else can take, and where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


@pytest.fixture(scope="module")
def guard() -> str:
    """Of the services; a module may have its own."""
    return "when-possible"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, guard: str) -> Iterator[ClockProcess]:
    """A clock service that stays up for all tests of a module; every test has a space of its own."""
    home = tmp_path_factory.mktemp("service")
    with running_clock(home, "--provision", "open", "--guard", guard) as service:
        yield service


@pytest.fixture
def mortal(tmp_path: Path, guard: str) -> Iterator[ClockProcess]:
    """Another, that a test may kill."""
    with running_clock(tmp_path / "mortal", "--provision", "open", "--guard", guard) as service:
        yield service


@pytest.fixture
def owner(online: Shell, host: FaultyHost, service: ClockProcess) -> Shell:
    """Has a snapshot, and uses the service."""
    online("clock", "use", service.url)
    online("backup", host.demo.recording.did)
    return online


@pytest.fixture
def second(owner: Shell, tmp_path: Path) -> Shell:
    """Another machine, that reaches the same host."""
    return Shell(tmp_path / "second", owner.capsys, owner.monkeypatch, owner.environ)


@pytest.fixture
def folder(owner: Shell, second: Shell, service: ClockProcess) -> Path:
    """The owner's space, which the second machine has too; that one uses the service as well."""
    folder = owner.home / "space"
    assert second("clock", "use", service.url, "--space", folder).code == 0
    return folder
