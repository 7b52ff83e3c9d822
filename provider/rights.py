"""Who may read what: by a token, or because the owner of a space made it public.

A token is an invocation of `space/content/retrieve` for this provider, in the header of each request.
A space is public while the provider holds a valid delegation of `space/content/serve/*` for it, which
its owner has kept here by `access/delegate`, and takes back by `ucan/revoke`. Both are looked at
anew each time (T3).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from time import time
from typing import Any

from pail import CID, DecodeError, MissingBlock, TooLarge
from provider.capabilities import RETRIEVE, SERVE, Retrieve
from provider.errors import BadRequest, Unauthorized
from provider.store import ProviderStore
from ucan import (
    Capability,
    Delegation,
    Failure,
    NamedSigner,
    Outcome,
    Service,
    Task,
    decode_archive,
    delegate,
    provide,
)
from ucan.questions import Revocations, answer_async
from ucan.server import KeyResolver

MAX_TOKEN_CHARS = 32 << 10

SERVE_LIFE_S = 60

RevocationReader = Callable[[Sequence[CID]], Awaitable[Revocations]]


@dataclass(frozen=True, slots=True)
class Right:
    """To read in `space`: one blob, or all where digest is None; of it these bytes, or all.

    range: first and last byte.
    """

    space: str
    digest: bytes | None = None
    range: tuple[int, int] | None = None
    is_public: bool = False

    def covers(self, digest: bytes, start: int, end: int) -> bool:
        """Whether it is about the bytes from `start` to before `end` of the blob."""
        if self.digest not in (None, digest):
            return False
        return self.range is None or (self.range[0] <= start and end - 1 <= self.range[1])


class Rights:
    """keys_of, revocations_of: as `ucan.Server` has them."""

    def __init__(
        self,
        store: ProviderStore,
        issuer: NamedSigner,
        *,
        keys_of: KeyResolver,
        revocations_of: RevocationReader,
        now: Callable[[], float] = time,
    ) -> None:
        self._store = store
        self._issuer = issuer
        self._keys_of = keys_of
        self._revocations_of = revocations_of
        self._now = now
        self._service = Service(issuer, [provide(RETRIEVE, _unused), provide(SERVE, _unused)])

    async def to_read(self, authorization: str | None, multihash: bytes) -> list[Right]:
        """The rights to look for a blob or block with; the header's, if there is one.

        Raises BadRequest, Unauthorized; a header that does not hold is never passed over.
        """
        if authorization is not None:
            return [await self._of_token(authorization)]
        public = [
            did
            for did in await self._store.spaces_with(multihash, self._issuer.did)
            if await self._is_public(did)
        ]
        if not public:
            raise Unauthorized("show a token: this is in no space that is public")
        return [Right(did, is_public=True) for did in public]

    async def _of_token(self, authorization: str) -> Right:
        invocation = decode_token(authorization)
        found = await self._admit(invocation)
        if isinstance(found, Failure):
            raise Unauthorized(found.message, list(dict.fromkeys(found.names())))
        if not isinstance(found.nb, Retrieve):
            raise Unauthorized(f"a token is an invocation of {RETRIEVE.can}")
        return Right(found.resource, found.nb.digest, found.nb.range)

    async def _is_public(self, space: str) -> bool:
        for kept in await self._store.delegations_of(space, self._issuer.did):
            expires = int(self._now()) + SERVE_LIFE_S
            serve = delegate(
                self._issuer,
                self._issuer.did,
                [Capability(SERVE.can, space)],
                expires_at_unix=expires,
                proofs=[decode_archive(kept.archive)],
            )
            if not isinstance(await self._admit(serve), Failure):
                return True
        return False

    async def _admit(self, invocation: Delegation) -> Task[Any] | Failure:
        return await answer_async(
            self._service.admit(invocation, now_unix_s=int(self._now())),
            keys_of=self._keys_of,
            revocations_of=self._revocations_of,
        )


def decode_token(authorization: str) -> Delegation:
    """The invocation in an Authorization header: `Bearer u…`, an archive in base64url. Raises BadRequest."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token.startswith("u") or len(token) > MAX_TOKEN_CHARS:
        raise BadRequest(f"authorization is `Bearer u…`, of {MAX_TOKEN_CHARS} characters at most")
    text = token[1:]
    try:
        return decode_archive(
            base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), b"-_", validate=True)
        )
    except (UnicodeEncodeError, binascii.Error, DecodeError, MissingBlock, TooLarge) as error:
        raise BadRequest(f"the token is no archive of an invocation: {error}") from error


async def _unused(task: Task[Any]) -> Outcome:
    raise AssertionError("what is asked for by HTTP is answered there")
