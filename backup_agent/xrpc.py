"""XRPC: one method of one host, its errors told apart.

Source: https://atproto.com/specs/xrpc; error names from the com.atproto.sync and com.atproto.server lexicons.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from backup_agent.errors import (
    AccountDeactivated,
    AccountNotFound,
    AccountSuspended,
    AccountTakendown,
    AgentError,
    HostError,
    TokenRefused,
)
from backup_agent.net import Answer, Http, Request, Stream
from backup_agent.secret import Secret

MAX_ERROR_BYTES = 64 << 10
MAX_QUOTED_CHARS = 120
"""Of a host's own words in our sentences."""

JsonObject = dict[str, Any]

_ACCOUNT_ERRORS = {
    "RepoNotFound": AccountNotFound,
    "RepoDeactivated": AccountDeactivated,
    "AccountDeactivated": AccountDeactivated,
    "RepoTakendown": AccountTakendown,
    "AccountTakedown": AccountTakendown,
    "RepoSuspended": AccountSuspended,
}


class Xrpc:
    """The methods of one host, on behalf of one account.

    base: `https://host` with an optional port, as the DID document names the PDS.
    """

    def __init__(self, http: Http, base: str, did: str) -> None:
        self.http, self.base, self.did = http, base.rstrip("/"), did

    async def get(self, nsid: str, params: Mapping[str, str], *, token: Secret | None = None) -> bytes:
        """The body of a query's answer, as received.

        Raises AccountError, TokenRefused, HostError and what `Http.fetch` does.
        """
        answer = await self.http.fetch(Request(self._url(nsid), params, token))
        return body_of(answer, self.did)

    async def post(
        self, nsid: str, body: Mapping[str, Any] | None, *, token: Secret | None = None
    ) -> JsonObject:
        """The answer of a procedure. Raises as `get` does."""
        content = b"" if body is None else json.dumps(body).encode()
        answer = await self.http.fetch(Request(self._url(nsid), token=token, body=content))
        return decode_object(answer.host, body_of(answer, self.did))

    @asynccontextmanager
    async def stream(
        self, nsid: str, params: Mapping[str, str], *, limit_bytes: int, token: Secret | None = None
    ) -> AsyncGenerator[Stream]:
        """One attempt at a query's answer, its body still to come. Raises as `get` does."""
        request = Request(self._url(nsid), params, token, limit_bytes=limit_bytes)
        async with self.http.stream(request) as stream:
            if stream.status != 200:
                raise _error(stream.host, stream.status, await _beginning(stream), self.did)
            yield stream

    def _url(self, nsid: str) -> str:
        return f"{self.base}/xrpc/{nsid}"


def body_of(answer: Answer, did: str) -> bytes:
    """The body of a success. Raises AccountError, TokenRefused or HostError for any other answer."""
    if answer.status != 200:
        raise _error(answer.host, answer.status, answer.content[:MAX_ERROR_BYTES], did)
    return answer.content


def _error(host: str, status: int, body: bytes, did: str) -> AgentError:
    """What an answer that is no success means; any body is taken."""
    try:
        told = decode_object(host, body)
    except HostError:
        told = {}
    name, message = _words(told.get("error")), _words(told.get("message"))
    if kind := _ACCOUNT_ERRORS.get(name):
        return kind(did, host)
    # The reference PDS has no name for a repository that is not there.
    if name == "InvalidRequest" and message.startswith("Could not find repo"):
        return AccountNotFound(did, host)
    why = " ".join(word for word in (f"status {status}", name, message and f"({message})") if word)
    if status >= 500:
        why += f" for account {did}"
    if status == 401 or name in ("ExpiredToken", "InvalidToken"):
        return TokenRefused(host, why, status=status, name=name)
    return HostError(host, why, status=status, name=name)


def decode_object(host: str, body: bytes) -> JsonObject:
    """The JSON object of an answer. Raises HostError."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise HostError(host, "its answer is not JSON") from error
    if not isinstance(told, dict):
        raise HostError(host, "its answer is not a JSON object")
    return told  # pyright: ignore[reportUnknownVariableType]  JSON keys are text


async def _beginning(stream: Stream) -> bytes:
    """The first bytes of an error, which a hostile host may make endless."""
    body = bytearray()
    async for chunk in stream.chunks:
        body += chunk
        if len(body) > MAX_ERROR_BYTES:
            break
    return bytes(body[:MAX_ERROR_BYTES])


def _words(told: object) -> str:
    """A host's words, made safe to print."""
    text = told[:MAX_QUOTED_CHARS] if isinstance(told, str) else ""
    return "".join(char if char.isprintable() else " " for char in text)
