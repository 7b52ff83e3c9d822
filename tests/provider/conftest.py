"""Providers to test: over SQLite and over PostgreSQL, with their blobs in a folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from provider.store import ProviderStore, open_provider_store
from tests.clock_service.conftest import ON_POSTGRES, postgres, postgres_url  # noqa: F401 - fixtures
from tests.provider.made import NOW, Provider


@pytest.fixture(params=["sqlite", ON_POSTGRES])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of an empty database, of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/provider.db"
    return request.getfixturevalue("postgres_url")


@pytest.fixture
def store(url: str) -> Iterator[ProviderStore]:
    """At NOW, on each kind of database."""
    store = open_provider_store(url, now=lambda: NOW)
    yield store
    store.close()


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[Provider]:
    """On SQLite, open, hosting SPACE with a quota of a megabyte."""
    store = open_provider_store(f"sqlite:///{tmp_path}/provider.db", now=lambda: NOW)
    provider = Provider(store, tmp_path / "store")
    provider.host()
    yield provider
    store.close()
