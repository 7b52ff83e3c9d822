"""Sends a blob to a provider: space/blob/add → PUT → ucan/conclude → GET /receipt/{accept}.

Nothing counts as held before the provider has signed that it accepted it (C4, T1).
"""

from __future__ import annotations

import asyncio

from backup_agent.errors import AgentError
from backup_agent.hosted import asking
from backup_agent.hosted.answers import words
from backup_agent.hosted.asking import Asking
from backup_agent.hosted.promise import Promise, attached, promise_of
from backup_agent.net import Answer, Http, Request, Upload
from pail import DecodeError, MissingBlock, TooLarge, Value
from space.errors import SpaceUnavailable
from space.remote.blobs import Content, Held
from ucan import BadResponse, Delegation, InvalidPrincipal, Receipt, Verifier, decode_message
from ucan.client import verify_receipt

POLLS, FIRST_POLL_S = 8, 0.1
"""For the receipt of what was concluded: all together 25 seconds."""

MAX_RECEIPT_BYTES = 1 << 20


class Sender:
    """To one space at one provider. Everything raises SpaceUnavailable; `add` also SpaceFull."""

    def __init__(self, ask: Asking, http: Http) -> None:
        self._ask = ask
        self._http = http

    async def add(self, digest: bytes, content: Content) -> Receipt:
        """The receipt of its acceptance; what is held already is not sent."""
        promise = await self.promise(Held(digest, content.size))
        if promise.accepted is not None:
            return promise.accepted
        if promise.address is not None:
            upload = Upload(promise.address.url, content.size, content.read, promise.address.headers)
            await self._put(upload)
        return await self._conclude(promise, digest)

    async def promise(self, blob: Held) -> Promise:
        """What the provider says of a blob that it is told of."""
        nb: dict[str, Value] = {"blob": {"digest": blob.digest, "size": blob.size}}
        return promise_of(self._ask.url, await self._ask.ask(asking.ADD, nb), blob.digest)

    async def _put(self, upload: Upload) -> None:
        try:
            answer = await self._http.put(upload)
        except AgentError as error:
            raise self._unreachable(error) from error
        if answer.status not in (200, 201, 204):
            raise SpaceUnavailable(f"{self._ask.url} did not take the bytes: {words(answer)}")

    async def _conclude(self, promise: Promise, digest: bytes) -> Receipt:
        delivered = promise.delivered(digest)
        nb: dict[str, Value] = {"receipt": delivered.cid}
        await self._ask.execute(self._ask.invoke_as_itself(asking.CONCLUDE, nb, attached(delivered)))
        for number in range(POLLS):
            receipt = await self._receipt(promise.accept)
            if receipt is not None:
                return receipt
            await asyncio.sleep(FIRST_POLL_S * 2**number)
        raise SpaceUnavailable(f"{self._ask.url} took the bytes, and does not say that it keeps them")

    async def _receipt(self, task: Delegation) -> Receipt | None:
        """None if there is none yet; one that is a failure, or not signed, is an error (T1)."""
        request = Request(f"{self._ask.url}/receipt/{task.cid}", limit_bytes=MAX_RECEIPT_BYTES)
        try:
            answer = await self._http.fetch(request)
        except AgentError as error:
            raise self._unreachable(error) from error
        receipt = self._verified(answer, task) if answer.status == 200 else None
        if receipt is not None and "ok" not in receipt.out:
            raise SpaceUnavailable(f"{self._ask.url} did not accept the bytes that it was sent")
        return receipt

    def _verified(self, answer: Answer, task: Delegation) -> Receipt | None:
        connection, by = self._ask.connection, task.audience
        try:
            receipt = decode_message(answer.content).receipt(task.cid)
            if receipt is None:
                return None
            if receipt.issuer != by:
                raise BadResponse(200, f"it is by {receipt.issuer}, not {by}")
            keys = connection.keys if by == connection.did else (Verifier.parse(by),)
            verify_receipt(receipt, keys)
        except (DecodeError, MissingBlock, TooLarge, BadResponse, InvalidPrincipal) as error:
            raise SpaceUnavailable(f"{self._ask.url} gave a receipt that does not hold: {error}") from error
        return receipt

    def _unreachable(self, error: AgentError) -> SpaceUnavailable:
        return SpaceUnavailable(f"{self._ask.url} cannot be used: {error}")
