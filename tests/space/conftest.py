"""One bucket server for each test session."""

from collections.abc import Iterator

import pytest

from tests.space.bucket_server import BucketServer


@pytest.fixture(scope="session")
def bucket_server() -> Iterator[BucketServer]:
    server = BucketServer()
    yield server
    server.stop()
