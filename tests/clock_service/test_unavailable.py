"""A database that is gone, busy or full: never a false acknowledgement, and all is well when it is back."""

import asyncio
import sqlite3
import threading
from contextlib import suppress
from itertools import count

import psycopg
import pytest

from clock_service import open_store, sqlite_store
from clock_service.errors import StoreUnavailable, TooMuch
from clock_service.sql_store import SqlStore
from clock_service.sqlite_store import SqliteSession
from pail import CID
from tests.clock_service.made import SPACE, Author, open_service

pytestmark = pytest.mark.xdist_group("postgres")


class Gone:
    """Ends every connection to a database and lets nobody in."""

    def __init__(self, server, url: str) -> None:
        self._url = server.url("postgres")
        self._name = url.partition("///")[2].partition("?")[0]

    def set(self, allowed: bool) -> None:
        with psycopg.connect(self._url, autocommit=True) as db:
            db.execute(f"ALTER DATABASE {self._name} ALLOW_CONNECTIONS {str(allowed).lower()}")  # type: ignore[arg-type]
            self.disconnect_all()

    def disconnect_all(self) -> None:
        with psycopg.connect(self._url, autocommit=True) as db:
            ask = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s"
            db.execute(ask, (self._name,))


def test_while_the_database_is_gone_nothing_is_acknowledged(postgres, postgres_url) -> None:
    author = Author()
    first, second = author.chain(2)
    store = open_store(postgres_url)
    service = open_service(store)
    asyncio.run(service.advance(SPACE, first, author.only(first)))
    gone = Gone(postgres, postgres_url)
    gone.set(False)
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            asyncio.run(service.advance(SPACE, second, author.only(second)))
        with pytest.raises(StoreUnavailable):
            asyncio.run(service.head(SPACE))
    gone.set(True)
    assert asyncio.run(service.head(SPACE)) == (first,)
    assert asyncio.run(service.advance(SPACE, second, author.only(second))) == (second,)
    store.close()


def test_a_connection_that_was_lost_is_made_anew_unseen(postgres, postgres_url) -> None:
    author = Author()
    first, second = author.chain(2)
    store = open_store(postgres_url)
    service = open_service(store)
    asyncio.run(service.advance(SPACE, first, author.only(first)))
    Gone(postgres, postgres_url).disconnect_all()
    assert asyncio.run(service.advance(SPACE, second, author.only(second))) == (second,)
    assert asyncio.run(service.head(SPACE)) == (second,)
    store.close()


def test_connections_lost_under_load_lose_no_acknowledged_event(postgres, postgres_url) -> None:
    author = Author()
    store = open_store(postgres_url)
    service = open_service(store)
    gone = Gone(postgres, postgres_url)
    acknowledged: list[CID] = []
    is_over = asyncio.Event()

    async def work(name: int) -> None:
        """Until connections are left alone, and then once more."""
        for number in count():
            was_over = is_over.is_set()
            event = author.put((), f"{name}/{number}").head[0]
            with suppress(StoreUnavailable, TooMuch):  # the head may become full
                await service.advance(SPACE, event, author.only(event))
                acknowledged.append(event)
            if was_over:
                return

    async def cut() -> None:
        for _ in range(8):
            await asyncio.to_thread(gone.disconnect_all)
        is_over.set()

    async def load() -> None:
        await asyncio.gather(*(work(name) for name in range(6)), cut())

    asyncio.run(load())
    kept = asyncio.run(store.known(SPACE, acknowledged)).kept
    store.close()
    assert len(acknowledged) >= 6
    assert set(acknowledged) == kept


def test_a_database_that_is_not_there_is_said_without_its_password() -> None:
    with pytest.raises(StoreUnavailable) as caught:
        open_store("postgresql://me:secret-word@127.0.0.1:1/clock")
    assert "secret-word" not in str(caught.value)


def test_a_file_that_another_process_holds_is_unavailable_and_then_there_again(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(sqlite_store, "BUSY_TIMEOUT_S", 0.05)
    author = Author()
    event = author.put((), "a").head[0]
    store = open_store(f"sqlite:///{tmp_path}/clock.db")
    service = open_service(store)
    other = sqlite3.connect(tmp_path / "clock.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="locked"):
        asyncio.run(service.advance(SPACE, event, author.only(event)))
    other.execute("ROLLBACK")
    other.close()
    assert asyncio.run(service.advance(SPACE, event, author.only(event))) == (event,)
    store.close()


def test_a_file_that_another_process_is_making_is_waited_for(tmp_path) -> None:
    other = sqlite3.connect(tmp_path / "clock.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    done = threading.Timer(0.05, other.rollback)
    done.start()
    open_store(f"sqlite:///{tmp_path}/clock.db").close()
    done.join()
    other.close()


def test_a_full_disk_is_unavailable_and_leaves_the_clock_as_it_was(tmp_path) -> None:
    author = Author()
    first, second = author.chain(2)
    big = author.batch((first,), *(f"key/{number}" for number in range(3000))).head[0]
    open_store(f"sqlite:///{tmp_path}/clock.db").close()

    def connect() -> SqliteSession:
        session = SqliteSession(tmp_path / "clock.db", "BEGIN IMMEDIATE")
        session.rows("PRAGMA max_page_count = 20")
        return session

    store = SqlStore(connect, connect)
    service = open_service(store)
    asyncio.run(service.advance(SPACE, first, author.only(first)))
    with pytest.raises(StoreUnavailable, match="full"):
        asyncio.run(service.advance(SPACE, big, author.only(big)))
    assert asyncio.run(store.known(SPACE, [big])).kept == frozenset()
    assert asyncio.run(service.advance(SPACE, second, author.only(second))) == (second,)
    store.close()


def test_a_file_that_is_no_database_is_unavailable(tmp_path) -> None:
    (tmp_path / "clock.db").write_text("something else " * 100)
    with pytest.raises(StoreUnavailable, match="not a database"):
        open_store(f"sqlite:///{tmp_path}/clock.db")
