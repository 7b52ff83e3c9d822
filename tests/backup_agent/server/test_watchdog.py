"""Who is alive, and who judges: time is a number here. On both databases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from threading import Event

from backup_agent.server import worker_rows
from backup_agent.server.database import Database
from backup_agent.server.watchdog import Beat, Watchdog
from clock_service.errors import StoreUnavailable
from clock_service.session import Connection
from tests.backup_agent.server.rows import Book


class Died(Exception):
    pass


@dataclass
class Patient:
    """A worker whose watchdog beats only when a test lets it."""

    book: Book
    name: str
    time_s: float = 1000.0
    adopted: list[list[str]] = field(default_factory=list[list[str]])

    def __post_init__(self) -> None:
        self.dog = Watchdog(
            self.book.database,
            self.name,
            self._adopt,
            self._die,
            beat=Beat(3600, 15),
            boot_s=lambda: self.time_s,
        )
        self.dog.enlist()
        self.dog.start()

    def _adopt(self, dead: Sequence[str]) -> int:
        self.adopted.append(list(dead))
        return len(dead)

    def _die(self) -> None:
        raise Died

    @property
    def dead(self) -> bool:
        rows = self.book.database.do(lambda session: worker_rows.all_workers(session, 10))
        return next(row.is_dead for row in rows if row.id == self.name)


def silence(book: Book, name: str) -> None:
    """As if it had not been seen for a minute."""
    book.database.do(
        lambda session: session.run("UPDATE agent_worker SET seen = seen - 60000 WHERE id = ?", (name,))
    )


def test_who_says_so_is_alive(book: Book) -> None:
    a = Patient(book, "a")
    a.dog.beat()
    assert not a.dead
    assert a.dog.is_fresh
    a.time_s += 16
    assert not a.dog.is_fresh


def test_whoever_finds_itself_dead_dies(book: Book) -> None:
    a = Patient(book, "a")
    book.database.do(lambda session: worker_rows.resign(session, "a"))
    try:
        a.dog.beat()
    except Died:
        return
    raise AssertionError("it lives on")


def test_with_a_shared_database_the_silent_are_judged_after_a_grace(book: Book) -> None:
    if not book.database.is_shared:
        return
    a, b = Patient(book, "a"), Patient(book, "b")
    silence(book, "b")
    a.dog.beat()
    assert not b.dead
    a.time_s += 10
    a.dog.beat()
    a.time_s += 10
    a.dog.beat()
    assert b.dead
    assert a.adopted == [["b"]]


def test_one_that_was_frozen_waits_before_it_judges(book: Book) -> None:
    if not book.database.is_shared:
        return
    a, b = Patient(book, "a"), Patient(book, "b")
    a.time_s += 100
    silence(book, "b")
    a.dog.beat()
    assert not b.dead
    a.time_s += 14
    a.dog.beat()
    assert not b.dead
    a.time_s += 2
    a.dog.beat()
    assert b.dead


def test_with_sqlite_a_new_process_takes_all_that_others_had(book: Book) -> None:
    if book.database.is_shared:
        return
    a = Patient(book, "a")
    b = Patient(book, "b")
    assert (a.dead, b.dead, b.adopted) == (True, False, [["a"]])


def test_who_resigns_is_not_waited_for(book: Book) -> None:
    a = Patient(book, "a")
    a.dog.stop()
    assert a.dead


def test_an_engine_that_fails_once_does_not_end_the_watchdog(book: Book) -> None:
    if not book.database.is_shared:
        return
    calls, again = count(), Event()

    def adopt(dead: Sequence[str]) -> int:
        if dead and not next(calls):
            raise RuntimeError("what the engine's driver raises")
        if dead:
            again.set()
        return 0

    times = count()
    beat = Beat(0.01, 15)
    dog = Watchdog(book.database, "a", adopt, lambda: None, beat=beat, boot_s=lambda: next(times))
    dog.enlist()
    dog.start()
    book.database.do(lambda session: worker_rows.resign(session, book.worker("b")))
    assert again.wait(10)
    dog.stop()


def test_who_ends_while_the_database_is_away_ends() -> None:
    def away() -> Connection:
        raise StoreUnavailable("away")

    database = Database("postgresql://x", away, connections=1, is_shared=True, now_sql="")
    dog = Watchdog(database, "a", len, lambda: None, beat=Beat(3600, 15))
    dog.start()
    dog.stop()
