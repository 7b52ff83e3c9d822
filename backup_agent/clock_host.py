"""Ways to clock services: over our guarded HTTP (T4), to who they say they are.

A did:key is its own key. The keys of a did:web are those of its document, read over TLS from the host
that the DID names, which need not be the one that serves the clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from backup_agent.atproto.did_document import MAX_DOCUMENT_BYTES
from backup_agent.atproto.strict_json import decode_json
from backup_agent.clock_list import KnownClock
from backup_agent.directory import web_document
from backup_agent.errors import AgentError
from backup_agent.net import Http, Request
from backup_agent.web_keys import keys_in
from clock_service.errors import BadAnswer, ClockUnreachable
from ucan import MAX_BODY_BYTES, Connection, InvalidPrincipal, Response, Verifier, is_did


class ClockHost:
    """Talks to clock services through `http`."""

    def __init__(self, http: Http) -> None:
        self._http = http

    async def find(self, url: str) -> KnownClock:
        """The service at `url` by its own word: its did.json there. Trusted on first use, over TLS.

        Raises ClockUnreachable, BadAnswer.
        """
        answer = await self._get(f"{url.rstrip('/')}/.well-known/did.json", url)
        did = answer.get("id")
        if not isinstance(did, str) or not is_did(did):
            raise BadAnswer(
                url,
                "does not say who it is: /.well-known/did.json there names no DID, which services other than "
                "skypail's may well lack; name it with --did DID",
            )
        return KnownClock(url, did)

    async def connect(self, clock: KnownClock) -> Connection:
        """A way to `clock`. Raises ClockUnreachable, BadAnswer if the keys of its DID cannot be had."""
        return Connection(clock.url, clock.did, await self._keys(clock), self._post)

    async def _keys(self, clock: KnownClock) -> tuple[Verifier, ...]:
        if not clock.did.startswith("did:web:"):
            try:
                return (Verifier.parse(clock.did),)
            except InvalidPrincipal as error:
                raise BadAnswer(
                    clock.url, f"goes by {clock.did}, which cannot be checked: {error}"
                ) from error
        try:
            document = _decode(clock.url, await web_document(self._http, clock.did))
        except AgentError as error:
            raise ClockUnreachable(
                clock.url, f"goes by {clock.did}, which cannot be resolved: {error}"
            ) from error
        keys = keys_in(document)
        if not keys:
            raise BadAnswer(clock.url, "has a DID document without a key that can be checked")
        return keys

    async def _get(self, document: str, url: str) -> dict[str, Any]:
        try:
            answer = await self._http.fetch(Request(document, limit_bytes=MAX_DOCUMENT_BYTES))
        except AgentError as error:
            raise ClockUnreachable(url, f"cannot be asked: {error}") from error
        return _decode(url, answer.content) if answer.status == 200 else {}

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> Response:
        request = Request(
            url,
            body=body,
            content_type=headers["content-type"],
            accept=headers["accept"],  # without it, some services answer in an older form
            limit_bytes=MAX_BODY_BYTES,
        )
        try:
            answer = await self._http.fetch(request)
        except AgentError as error:
            raise ClockUnreachable(url, f"cannot be asked: {error}") from error
        return Response(answer.status, dict(answer.headers), answer.content)


def _decode(url: str, data: bytes) -> dict[str, Any]:
    try:
        document = decode_json(data, max_bytes=MAX_DOCUMENT_BYTES)
    except ValueError as error:
        raise BadAnswer(url, f"has a DID document that cannot be read: {error}") from error
    return cast("dict[str, Any]", document) if isinstance(document, dict) else {}
