"""Fixtures of the server agent's tests: databases of both kinds; an owner's machine, a host, a clock."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from backup_agent.server.database import open_database
from tests.backup_agent.cli.clock_process import ClockProcess, running_clock
from tests.backup_agent.cli.shell import Shell
from tests.backup_agent.server.desk import Desk
from tests.backup_agent.server.rows import Book
from tests.clock_service.conftest import ON_POSTGRES, postgres, postgres_url  # noqa: F401 - fixtures
from tests.faulty_host import FaultyHost, run_faulty_host
from tests.space.conftest import bucket_server  # noqa: F401 - a fixture


@pytest.fixture(params=["sqlite", ON_POSTGRES])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of an empty database, of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/agent.db"
    return request.getfixturevalue("postgres_url")


@pytest.fixture
def book(url: str) -> Iterator[Book]:
    database = open_database(url)
    yield Book(database)
    database.close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    database = open_database(f"sqlite:///{tmp_path}/agent.db")
    yield Desk(database, tmp_path)
    database.close()


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
