"""The client's side: invocations out, receipts in that the service signed.

Source: @ucanto/client 9.0.2; @ucanto/transport 9.2.1, http; spec/ucan.md
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

from pail.dag_cbor import Value
from pail.errors import DecodeError, MissingBlock, TooLarge
from ucan.delegation import Delegation
from ucan.errors import BadResponse, BadSignature, Refused
from ucan.failure import Failure
from ucan.http import Response
from ucan.message import CONTENT_TYPE, Message, decode_message, encode_request
from ucan.principal import Verifier
from ucan.receipt import Receipt

MAX_SHOWN_CHARS = 200

HEADERS = {"content-type": CONTENT_TYPE, "accept": CONTENT_TYPE}

Post = Callable[[str, Mapping[str, str], bytes], Awaitable[Response]]
"""Sends a POST to a URL with headers and body, bounded in time and size of the answer."""


class Connection(NamedTuple):
    """A way to a service. did: who signs its receipts. keys: those of `did` (T1).

    Its did.json, read over TLS, says the keys of a did:web; a did:key is its own.
    """

    url: str
    did: str
    keys: tuple[Verifier, ...]
    post: Post

    async def execute(self, *invocations: Delegation) -> list[Receipt]:
        """The receipt of each invocation, verified, in order; of failures too.

        Raises BadResponse if the answer is none to this request, and what `post` raises.
        """
        response = await self.post(self.url, HEADERS, encode_request(invocations))
        if response.status != 200:
            shown = response.body[:MAX_SHOWN_CHARS].decode("utf-8", "replace")
            raise BadResponse(response.status, shown)
        try:
            message = decode_message(response.body)
            return [self._receipt(message, invocation) for invocation in invocations]
        except (DecodeError, MissingBlock, TooLarge) as error:
            raise BadResponse(response.status, str(error)) from error

    def _receipt(self, message: Message, invocation: Delegation) -> Receipt:
        receipt = message.receipt(invocation.cid)
        if receipt is None:
            raise BadResponse(200, f"no receipt for {invocation.cid}")
        if receipt.issuer != self.did:
            raise BadResponse(200, f"the receipt is by {receipt.issuer}, not {self.did}")
        verify_receipt(receipt, self.keys)
        return receipt


def verify_receipt(receipt: Receipt, keys: tuple[Verifier, ...]) -> None:
    """Return if one of `keys` signed the receipt. Raises BadResponse."""
    for key in keys:
        try:
            return key.verify_varsig(receipt.outcome, receipt.signature)
        except BadSignature:
            continue
    raise BadResponse(200, f"the receipt {receipt.cid} is not signed by {receipt.issuer}")


def outcome_of(receipt: Receipt) -> Value:
    """The value of a success. Raises Refused with the service's failure, its name as given."""
    if "ok" in receipt.out:
        return receipt.out["ok"]
    match receipt.out["error"]:
        case {"name": str(name), "message": str(message), **details}:
            raise Refused(Failure(name, message, details=details))
        case other:
            raise Refused(Failure("Error", str(other)[:MAX_SHOWN_CHARS]))
