"""Invocations of a clock service, and a client that speaks to the application without a network."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

import httpx

from clock_service.app import ClockApp
from pail import CID, Block
from ucan import (
    CONTENT_TYPE,
    Capability,
    Connection,
    Delegation,
    Receipt,
    Response,
    Signer,
    Verifier,
    delegate,
)

URL = "http://clock.test/"
FAR = 4_000_000_000


def signer(number: int) -> Signer:
    return Signer.from_seed(bytes([number]) * 32)


SERVICE, SPACE_KEY, AGENT, STRANGER = (signer(number) for number in (1, 2, 3, 4))
SPACE = SPACE_KEY.did


def give(issuer: Signer, to: Signer, can: str, nb=None, *, proofs=(), resource: str = SPACE) -> Delegation:
    return delegate(issuer, to.did, [Capability(can, resource, nb)], expires_at_unix=FAR, proofs=list(proofs))


def advance(
    event: CID,
    blocks: Iterable[tuple[CID, bytes]],
    *,
    issuer: Signer = SPACE_KEY,
    proofs: Sequence[Delegation] = (),
    resource: str = SPACE,
    to: str = SERVICE.did,
    **caveats,
) -> Delegation:
    attached = dict(blocks)
    return delegate(
        issuer,
        to,
        [Capability("clock/advance", resource, {"event": event, **caveats})],
        expires_at_unix=FAR,
        proofs=list(proofs),
        facts=[{str(cid): cid for cid in attached}],
        attached=[Block(cid, data) for cid, data in attached.items()],
    )


def head(
    issuer: Signer = SPACE_KEY, *, proofs=(), resource: str = SPACE, nonce: str | None = None
) -> Delegation:
    capability = Capability("clock/head", resource)
    return delegate(issuer, SERVICE.did, [capability], expires_at_unix=FAR, proofs=list(proofs), nonce=nonce)


class Caller:
    """Calls the app as a client would; `run` for what is awaited."""

    def __init__(self, app: ClockApp) -> None:
        self._app = app.asgi()
        self._lifespan = app.lifespan

    def request(self, method: str, path: str = "/", **options) -> httpx.Response:
        async def call() -> httpx.Response:
            async with self._lifespan():
                transport = httpx.ASGITransport(app=self._app)
                async with httpx.AsyncClient(transport=transport, base_url=URL) as client:
                    return await client.request(method, path, **options)

        return asyncio.run(call())

    def execute(self, *invocations: Delegation) -> list[Receipt]:
        async def post(url, headers, body) -> Response:
            response = await asyncio.to_thread(self.request, "POST", headers=headers, content=body)
            return Response(response.status_code, dict(response.headers), response.content)

        connection = Connection(URL, SERVICE.did, (Verifier.parse(SERVICE.did),), post)
        return asyncio.run(connection.execute(*invocations))

    def out(self, invocation: Delegation):
        return self.execute(invocation)[0].out


HEADERS = {"content-type": CONTENT_TYPE, "accept": CONTENT_TYPE}
