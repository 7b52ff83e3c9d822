"""The little that is asked of a database, whichever it is, and transactions that many calls share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from clock_service.errors import ClockServiceError, StoreUnavailable
from clock_service.lane import Call

Row = tuple[Any, ...]

MAX_ATTEMPTS = 8
"""Tries of a transaction that the database undid because another went first."""


class Contended(StoreUnavailable):
    """The database undid the transaction because of another one; the next try may do."""


class Session(Protocol):
    """An open connection, inside a transaction. `?` stands for a parameter.

    Raises StoreUnavailable, or Contended, whatever goes wrong below.
    """

    row_lock: str
    """What to add to a SELECT for its rows to be nobody else's until the transaction ends."""

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]: ...

    def run(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """The number of rows changed."""
        ...

    def run_many(self, sql: str, parameters: Iterable[Sequence[Any]]) -> None: ...


class Connection(Session, Protocol):
    def begin(self) -> None: ...

    def commit(self) -> None:
        """Durable on return."""
        ...

    def rollback(self) -> None: ...

    def close(self) -> None:
        """Never raises."""
        ...


class Transactions:
    """Serves calls of a lane, all that come together in one transaction; connects when needed.

    A call raises before it has written, or not at all: then the others of its group go on. When
    the database itself fails the group is undone and tried again; done twice is done once.
    """

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._connection: Connection | None = None

    def serve(self, calls: list[Call[Session]]) -> None:
        calls.sort(key=lambda call: call.key)  # all processes lock in the same order
        try:
            self._try(calls)
        except Exception as error:  # noqa: BLE001 - the lane's outermost: whoever asked gets it, the thread lives
            if len(calls) > 1 and not isinstance(error, StoreUnavailable):
                for call in calls:
                    self.serve([call])  # one of them is at fault; the others are not
                return
            for call in calls:
                call.error = error

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _try(self, calls: list[Call[Session]]) -> None:
        for left in range(MAX_ATTEMPTS, 0, -1):
            is_fresh = self._connection is None
            try:
                self._transact(calls)
                return
            except Contended:
                if left == 1:
                    raise
            except StoreUnavailable:
                self.close()
                if is_fresh or left == 1:
                    raise

    def _transact(self, calls: list[Call[Session]]) -> None:
        if self._connection is None:
            self._connection = self._connect()
        connection = self._connection
        connection.begin()
        try:
            for call in calls:
                _do(call, connection)
            connection.commit()
        except BaseException:
            connection.rollback()
            raise


def _do(call: Call[Session], session: Session) -> None:
    call.error = None
    try:
        call.result = call.work(session)
    except StoreUnavailable:
        raise
    except ClockServiceError as error:
        call.error = error
