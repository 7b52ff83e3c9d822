"""URLs to upload to: whoever has one may send these bytes, and nothing else, until it expires.

The URL ends in the digest, the size, the time, whose it is and an HMAC over them by a key that only
the provider has, in base64url. So nothing is looked up to check one, any process of the provider can,
and nobody can make one up.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import struct
from typing import NamedTuple

from provider.capabilities import Blob
from provider.errors import UploadExpired, UploadRefused
from ucan import Signer

_TICKET = struct.Struct(">34sQQ16s16s")
_TAG_BYTES = 32


class Ticket(NamedTuple):
    """The right to send `blob` until `expires_at_unix`.

    owner: of the space that it is for, payer: of its account, or of itself if it has none; by `owner_of`.
    """

    blob: Blob
    expires_at_unix: int
    owner: bytes
    payer: bytes


def owner_of(did: str) -> bytes:
    """What stands for a space or account in a ticket, and for a space where it is kept who has put a blob."""
    return hashlib.sha256(did.encode()).digest()[:16]


class TicketOffice:
    """Makes tickets and knows its own. signer: the provider's key, of which the secret is derived."""

    def __init__(self, signer: Signer) -> None:
        self._secret = hmac.digest(signer.seed, b"skypail provider: upload", hashlib.sha256)

    def issue(self, ticket: Ticket) -> str:
        """The ticket as text for a URL."""
        blob = ticket.blob
        content = _TICKET.pack(blob.digest, blob.size, ticket.expires_at_unix, ticket.owner, ticket.payer)
        return base64.urlsafe_b64encode(content + self._tag(content)).decode().rstrip("=")

    def redeem(self, text: str, now_unix_s: int) -> Ticket:
        """The ticket that `text` is. Raises UploadRefused, UploadExpired."""
        content, tag = _split(text)
        if not hmac.compare_digest(tag, self._tag(content)):
            raise UploadRefused
        digest, size, expires, owner, payer = _TICKET.unpack(content)
        if expires <= now_unix_s:
            raise UploadExpired
        return Ticket(Blob(digest, size), expires, owner, payer)

    def _tag(self, content: bytes) -> bytes:
        return hmac.digest(self._secret, content, hashlib.sha256)


def _split(text: str) -> tuple[bytes, bytes]:
    try:
        data = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error):
        raise UploadRefused from None
    if len(data) != _TICKET.size + _TAG_BYTES:
        raise UploadRefused
    return data[: _TICKET.size], data[_TICKET.size :]
