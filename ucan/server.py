"""The server's side: a request's headers and body in, a response out. A web framework mounts it.

Source: @ucanto/server 11.0.3, server; spec/ucan.md
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

from pail.cid import CID
from pail.errors import DecodeError, MissingBlock, TooLarge
from ucan.delegation import Delegation
from ucan.failure import Failure
from ucan.http import MAX_BODY_BYTES, Response, answer_with, malformed, refuse_headers, too_large
from ucan.message import decode_message, encode_response
from ucan.questions import Keys, Revocations, answer_async, no_keys, no_revocations
from ucan.receipt import Outcome, Receipt, issue_receipt
from ucan.service import Service

KeyResolver = Callable[[str], Awaitable[Keys]]
RevocationReader = Callable[[Sequence[CID]], Awaitable[Revocations]]


async def _no_keys(did: str) -> Keys:
    return no_keys(did)


async def _no_revocations(ucans: Sequence[CID]) -> Revocations:
    return no_revocations(ucans)


class Server:
    """Answers requests to `service`.

    now_unix_s: the clock. keys_of: the keys of a DID that is no did:key, bounded in time, () if it
    cannot be resolved. revocations_of: every stored revocation of those UCANs.
    """

    def __init__(
        self,
        service: Service,
        *,
        now_unix_s: Callable[[], int],
        keys_of: KeyResolver = _no_keys,
        revocations_of: RevocationReader = _no_revocations,
    ) -> None:
        self.service = service
        self._now_unix_s = now_unix_s
        self._keys_of = keys_of
        self._revocations_of = revocations_of

    async def respond(self, headers: Mapping[str, str], body: bytes) -> Response:
        """The response to a POST. Raises what a handler, `keys_of` or `revocations_of` raises: then
        nothing may be acknowledged, and the mount answers 500 or 503.

        headers: names in any case. body: at most MAX_BODY_BYTES; the mount stops reading there and
        calls `refuse_headers` before it reads.
        """
        return refuse_headers(headers) or await self.answer(body)

    async def answer(self, body: bytes) -> Response:
        """As `respond`, to a request whose headers were not refused."""
        if len(body) > MAX_BODY_BYTES:
            return too_large(f"a body of {len(body)} bytes; the limit is {MAX_BODY_BYTES}")
        try:
            invocations = decode_message(body).invocations()
        except TooLarge as error:
            return too_large(str(error))
        except (DecodeError, MissingBlock) as error:
            return malformed(str(error))
        return answer_with(encode_response([receipt async for receipt in self._run_all(invocations)]))

    async def _run_all(self, invocations: Sequence[Delegation]) -> AsyncIterator[Receipt]:
        """Other requests go on between two costly invocations."""
        from asyncio import sleep

        for number, invocation in enumerate(invocations):
            if number:
                await sleep(0)
            yield await self.run(invocation)

    async def run(self, invocation: Delegation) -> Receipt:
        """The receipt of one invocation, done or refused."""
        task = await answer_async(
            self.service.admit(invocation, now_unix_s=self._now_unix_s()),
            keys_of=self._keys_of,
            revocations_of=self._revocations_of,
        )
        outcome = Outcome(task) if isinstance(task, Failure) else await self.service.perform(task)
        return issue_receipt(self.service.issuer, invocation, outcome)
