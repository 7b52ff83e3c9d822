"""Tells a provider that bytes were put, and has its word that it accepted them.

Ours gives the receipt of accept with that of `ucan/conclude`; another's is had at `/receipt/{accept}`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from backup_agent.errors import AgentError
from backup_agent.hosted import asking
from backup_agent.hosted.asking import Asking
from backup_agent.hosted.promise import Promise, attached, receipts_of
from backup_agent.net import Http, Request
from pail import CID, DecodeError, MissingBlock, TooLarge
from space.errors import SpaceUnavailable
from ucan import BadResponse, Delegation, InvalidPrincipal, Receipt, Verifier, decode_message
from ucan.client import verify_receipt

POLLS, FIRST_POLL_S = 8, 0.1
"""For the receipt of what was concluded: all together 25 seconds."""

MAX_RECEIPT_BYTES = 1 << 20


class Concluder:
    """Of blobs of one space at one provider. Raises SpaceUnavailable, SpaceFull."""

    def __init__(self, ask: Asking, http: Http) -> None:
        self._ask = ask
        self._http = http

    async def accepted(self, promises: Sequence[Promise]) -> list[Receipt]:
        """The receipt of the acceptance of each, whose bytes were put, verified (T1)."""
        open_ones = [promise for promise in promises if promise.accepted is None]
        given = await self._conclude(open_ones) if open_ones else {}
        return [
            promise.accepted or given.get(promise.accept.cid) or await self._wait(promise.accept)
            for promise in promises
        ]

    async def _conclude(self, promises: Sequence[Promise]) -> dict[CID, Receipt]:
        """Receipts of accept by their task, as far as they came along."""
        delivered = [promise.delivered() for promise in promises]
        receipts = await self._ask.execute_all(
            [
                self._ask.invoke_as_itself(asking.CONCLUDE, {"receipt": each.cid}, attached(each))
                for each in delivered
            ]
        )
        found = {cid: each for receipt in receipts for cid, each in self._along(receipt).items()}
        return {
            task.cid: self._checked(found[task.cid], task)
            for task in (promise.accept for promise in promises)
            if task.cid in found
        }

    def _along(self, receipt: Receipt) -> dict[CID, Receipt]:
        try:
            return receipts_of(receipt)
        except (DecodeError, MissingBlock, TooLarge) as error:
            raise self._not_held(error) from error

    async def _wait(self, task: Delegation) -> Receipt:
        for number in range(POLLS):
            receipt = await self._receipt(task)
            if receipt is not None:
                return receipt
            await asyncio.sleep(FIRST_POLL_S * 2**number)
        raise SpaceUnavailable(f"{self._ask.url} took the bytes, and does not say that it keeps them")

    async def _receipt(self, task: Delegation) -> Receipt | None:
        """None if there is none yet."""
        request = Request(f"{self._ask.url}/receipt/{task.cid}", limit_bytes=MAX_RECEIPT_BYTES)
        try:
            answer = await self._http.fetch(request)
            receipt = decode_message(answer.content).receipt(task.cid) if answer.status == 200 else None
        except AgentError as error:
            raise SpaceUnavailable(f"{self._ask.url} cannot be used: {error}") from error
        except (DecodeError, MissingBlock, TooLarge) as error:
            raise self._not_held(error) from error
        return None if receipt is None else self._checked(receipt, task)

    def _checked(self, receipt: Receipt, task: Delegation) -> Receipt:
        """By whom the task names, and a success."""
        connection, by = self._ask.connection, task.audience
        try:
            if receipt.issuer != by:
                raise BadResponse(200, f"it is by {receipt.issuer}, not {by}")
            keys = connection.keys if by == connection.did else (Verifier.parse(by),)
            verify_receipt(receipt, keys)
        except (BadResponse, InvalidPrincipal) as error:
            raise self._not_held(error) from error
        if "ok" not in receipt.out:
            raise SpaceUnavailable(f"{self._ask.url} did not accept the bytes that it was sent")
        return receipt

    def _not_held(self, error: Exception) -> SpaceUnavailable:
        return SpaceUnavailable(f"{self._ask.url} gave a receipt that does not hold: {error}")
