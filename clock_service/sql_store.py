"""`Store` in SQL that SQLite and PostgreSQL both speak; what differs is in their sessions.

Two lanes: one writes, one reads what is committed. So a head is never shown before it is durable
(C4), and reading waits for no writer.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from time import time
from typing import TypeVar

from clock_service import clock_rows
from clock_service.admission import Findings, Gathered
from clock_service.lane import Lane
from clock_service.policy import Policy, Registration
from clock_service.revoking import KEEP_AFTER_S
from clock_service.session import Connection, Session, Transactions
from clock_service.store import (
    MAX_RECEIPT_BYTES,
    MAX_RECEIPTS,
    MAX_REVOCATIONS_READ,
    Follow,
    Known,
    Revocation,
    Revoked,
)
from pail import CID
from pail.event import Head

T = TypeVar("T")

SECONDS_A_DAY = 86_400

_LAST = "~"
"""Sorts behind every DID: rows that all processes touch are locked after the clocks."""


class SqlStore:
    """connect_writer, connect_reader: called again after a connection was lost."""

    def __init__(
        self,
        connect_writer: Callable[[], Connection],
        connect_reader: Callable[[], Connection],
        *,
        now: Callable[[], float] = time,
        max_receipts: int = MAX_RECEIPTS,
    ) -> None:
        self._now = now
        self._max_receipts = max_receipts
        self._transactions = [Transactions(connect_writer), Transactions(connect_reader)]
        self._writer: Lane[Session] = Lane("clock-writer", self._transactions[0].serve)
        self._reader: Lane[Session] = Lane("clock-reader", self._transactions[1].serve)

    async def write(self, work: Callable[[Session], T], key: str) -> T:
        """The result of `work`, durable; it shares a transaction with whatever comes in meanwhile.

        key: whom it concerns, the space whose row it locks first. It raises before it has written.
        """
        return await self._writer.ask(work, key)

    async def read(self, work: Callable[[Session], T]) -> T:
        """The result of `work`, which sees what is committed."""
        return await self._reader.ask(work)

    async def advance(self, space: str, offer: Gathered, findings: Findings, policy: Policy) -> Head:
        day = int(self._now()) // SECONDS_A_DAY
        work = partial(
            clock_rows.advance, space=space, offer=offer, findings=findings, policy=policy, day=day
        )
        return await self._writer.ask(work, space)

    async def known(self, space: str, events: Collection[CID] = ()) -> Known:
        return await self._reader.ask(partial(clock_rows.known, space=space, events=events))

    async def events(self, space: str, events: Sequence[CID]) -> dict[CID, bytes]:
        return await self._reader.ask(partial(clock_rows.blocks, space=space, events=events))

    async def register(self, registration: Registration) -> None:
        await self._writer.ask(partial(clock_rows.register, registration=registration), registration.space)

    async def unregister(self, space: str) -> bool:
        return await self._writer.ask(partial(clock_rows.unregister, space=space), space)

    async def registrations(self, after: str = "") -> list[Registration]:
        return await self._reader.ask(partial(clock_rows.registrations, after=after))

    async def follow(self, space: str, follow: Follow) -> bool:
        return await self._writer.ask(partial(clock_rows.follow, space=space, follow=follow), _LAST)

    async def unfollow(self, space: str, follow: Follow) -> None:
        sql = "DELETE FROM follow WHERE space = ? AND issuer = ? AND clock = ?"
        await self._writer.ask(lambda session: session.run(sql, (space, *follow)), _LAST)

    async def following(self, space: str) -> list[Follow]:
        return await self._reader.ask(partial(clock_rows.following, space=space))

    async def revoke(self, revocation: Revocation, revoked: Revoked) -> None:
        now_unix_s = int(self._now())
        work = partial(
            clock_rows.revoke, revocation=revocation, revoked=revoked, over_before=now_unix_s - KEEP_AFTER_S
        )
        await self._writer.ask(work, revoked.space)

    async def revocations(self, delegations: Sequence[CID]) -> frozenset[Revocation]:
        assert len(delegations) <= MAX_REVOCATIONS_READ
        rows = await self._reader.ask(
            lambda session: list(
                clock_rows.select_in(
                    session, "SELECT delegation, revoker FROM revocation WHERE delegation IN", delegations
                )
            )
        )
        return frozenset(Revocation(CID(delegation), by) for delegation, by in rows)

    async def keep_receipts(self, receipts: Mapping[CID, bytes]) -> None:
        assert all(len(receipt) <= MAX_RECEIPT_BYTES for receipt in receipts.values())
        rows = [(bytes(task), receipts[task]) for task in sorted(receipts)]
        await self._writer.ask(lambda session: self._keep_receipts(session, rows), _LAST)

    def _keep_receipts(self, session: Session, rows: list[tuple[bytes, bytes]]) -> None:
        session.run_many("INSERT INTO receipt (task, block) VALUES (?, ?) ON CONFLICT DO NOTHING", rows)
        session.run(
            "DELETE FROM receipt WHERE number <= (SELECT max(number) FROM receipt) - ?",
            (self._max_receipts,),
        )

    async def receipt(self, task: CID) -> bytes | None:
        sql = "SELECT block FROM receipt WHERE task = ?"
        rows = await self._reader.ask(lambda session: session.rows(sql, (bytes(task),)))
        return rows[0][0] if rows else None

    def close(self) -> None:
        self._writer.close()
        self._reader.close()
        for transactions in self._transactions:
            transactions.close()
