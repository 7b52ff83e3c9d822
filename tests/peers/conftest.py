"""Real peers from npm. Their tests are marked `peer`; those that share the PDS bed run on one worker."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.peers.bed import PdsBed, run_bed
from tests.peers.npm import INSTALL_TIMEOUT_S, npm_project

HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE not in item.path.parents:
            continue
        item.add_marker("peer")
        item.add_marker(pytest.mark.timeout(INSTALL_TIMEOUT_S))  # the first one installs
        if "pds_bed" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("peer-pds"))


@pytest.fixture(scope="session")
def pds_bed() -> Iterator[PdsBed]:
    """A PLC directory and two empty reference PDSes; accounts of all tests live side by side in them."""
    with run_bed(npm_project(HERE / "pds")) as bed:
        yield bed
