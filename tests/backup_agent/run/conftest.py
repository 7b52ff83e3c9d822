"""Fixtures of the run's tests: each test has a host and a machine of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backup_agent.run.desk import Desk, desk
from tests.faulty_host import FaultyHost, run_faulty_host


@pytest.fixture
def host() -> Iterator[FaultyHost]:
    with run_faulty_host() as faulty:
        yield faulty


@pytest.fixture
def laptop(host: FaultyHost, tmp_path: Path) -> Iterator[Desk]:
    with desk(host, tmp_path) as made:
        yield made
