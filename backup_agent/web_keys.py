"""The keys of those who go by a did:web: from the document at its host, over our guarded HTTP (T4).

Anybody can name any host in a UCAN, so what is asked of hosts at somebody else's word is bounded:
few at a time, briefly, once a minute each; and who would have to wait is not resolved.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import Any, cast

from backup_agent.atproto.did_document import MAX_DOCUMENT_BYTES
from backup_agent.atproto.strict_json import decode_json
from backup_agent.directory import web_document
from backup_agent.errors import AgentError
from backup_agent.net import Http
from ucan import InvalidPrincipal, Verifier, parse_multikey

MAX_KEYS = 16
"""Keys of one did:web that are tried."""

MAX_AT_ONCE = 8
"""Hosts that are being asked."""

MAX_WAITING = 32
"""Questions that wait or are asked; one more finds no keys."""

ANSWER_TIMEOUT_S = 5.0
REMEMBERED_S = 60.0
"""A key that was taken out of a document counts no longer than that; none are remembered as well."""

MAX_REMEMBERED = 1024


def keys_in(document: Mapping[str, Any]) -> tuple[Verifier, ...]:
    """Those keys of a DID document that can be checked here, MAX_KEYS at most."""
    methods: Any = document.get("verificationMethod")
    keys: list[Verifier] = []
    for method in cast("list[Any]", methods)[:MAX_KEYS] if isinstance(methods, list) else ():
        match method:
            case {"publicKeyMultibase": str(text)}:
                try:
                    keys.append(Verifier(parse_multikey(text)))
                except InvalidPrincipal:
                    continue  # of a kind we cannot check; another may do
            case _:
                continue
    return tuple(keys)


class WebKeys:
    """A `ucan.server.KeyResolver`: the keys of a did:web, () of anything that cannot be had."""

    def __init__(self, http: Http, *, now_s: Callable[[], float] = monotonic) -> None:
        self._http = http
        self._now_s = now_s
        self._turn = asyncio.Semaphore(MAX_AT_ONCE)
        self._waiting = 0
        self._known: dict[str, tuple[float, tuple[Verifier, ...]]] = {}

    async def __call__(self, did: str) -> Sequence[Verifier]:
        if not did.startswith("did:web:"):
            return ()
        until_s, keys = self._known.get(did, (0.0, ()))
        if self._now_s() < until_s or self._waiting >= MAX_WAITING:
            return keys if self._now_s() < until_s else ()
        self._waiting += 1
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S), self._turn:
                keys = await self._ask(did)
        except TimeoutError:
            keys = ()
        finally:
            self._waiting -= 1
        self._known.pop(did, None)
        self._known[did] = self._now_s() + REMEMBERED_S, keys
        if len(self._known) > MAX_REMEMBERED:
            del self._known[next(iter(self._known))]
        return keys

    async def _ask(self, did: str) -> tuple[Verifier, ...]:
        try:
            document: Any = decode_json(await web_document(self._http, did), max_bytes=MAX_DOCUMENT_BYTES)
        except (AgentError, ValueError):
            return ()
        return keys_in(cast("dict[str, Any]", document)) if isinstance(document, dict) else ()
