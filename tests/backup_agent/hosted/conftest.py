"""One provider for the tests of a module, and a new space at it for each."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backup_agent.hosted.ground import HostedGround
from tests.provider.child import Running, running


@pytest.fixture(scope="module")
def kept_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("provider")


@pytest.fixture(scope="module")
def provider(kept_in: Path) -> Iterator[Running]:
    with running(kept_in) as provider:
        yield provider


@pytest.fixture
def ground(tmp_path: Path, provider: Running, kept_in: Path) -> Iterator[HostedGround]:
    ground = HostedGround(tmp_path, provider, kept_in / "store")
    yield ground
    ground.close()


@pytest.fixture
def provider_url(provider: Running) -> str:
    return provider.url
