"""Stores to test: a SQLite file, and a database on a PostgreSQL server that lives as long as the run."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from itertools import count

import psycopg
import pytest

from clock_service import Store, open_store
from tests.clock_service.made import Author
from tests.clock_service.postgres import NOT_TESTED, Server

ON_POSTGRES = pytest.param("postgres", marks=pytest.mark.xdist_group("postgres"))
_numbers = count()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    try:
        server = Server()
    except (OSError, subprocess.SubprocessError) as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"{NOT_TESTED}: {error}")
    yield server
    server.stop()


@pytest.fixture
def postgres_url(postgres: Server) -> str:
    """Of a new, empty database."""
    return new_database(postgres)


@pytest.fixture
def postgres_urls(postgres: Server) -> list[str]:
    """Of two."""
    return [new_database(postgres), new_database(postgres)]


def new_database(postgres: Server) -> str:
    name = f"test{next(_numbers)}"
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as db:
        db.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type]
    return postgres.url(name)


@pytest.fixture(params=["sqlite", ON_POSTGRES])
def url(request: pytest.FixtureRequest, tmp_path) -> str:
    """Of an empty database, of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/clock.db"
    return request.getfixturevalue("postgres_url")


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    store = open_store(url)
    yield store
    store.close()


@pytest.fixture
def author() -> Author:
    return Author()
