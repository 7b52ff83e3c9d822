"""The service over HTTP.

    POST /                      a message of UCAN invocations in, receipts out; see ucan.http for statuses
    GET  /receipt/{task}        the message that answered an invocation which changed something
    GET  /.well-known/did.json  the key of the service
    GET  /health                200 if the store answers, else 503
    GET  /metrics               counters in Prometheus' text format

A store that does not answer, or too much to replay, is 503: nothing was acknowledged (C4).
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence, Set
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from time import time

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from clock_service.errors import AskAgain
from clock_service.intake import Intake, NotReceived
from clock_service.metrics import Metrics
from clock_service.receipts import READS, KeepingServer, ReceiptKeeper
from clock_service.service import ClockService
from clock_service.table import Table, resolve_none
from pail import CID, DecodeError, parse_cid
from ucan import CONTENT_TYPE, NamedSigner, Service, Signer, refuse_headers
from ucan.questions import Revocation
from ucan.server import KeyResolver

HEALTH = "did:health:check"

Lifespan = Callable[[], AbstractAsyncContextManager[None]]

log = logging.getLogger(__name__)


class ClockApp:
    """The endpoints of one service. issuer: its key, under its own did:key or a did:web.

    service: what it does; clocks alone by default. reads: abilities that leave no receipt.
    """

    def __init__(
        self,
        clocks: ClockService,
        issuer: Signer | NamedSigner,
        *,
        now: Callable[[], float] = time,
        keys_of: KeyResolver = resolve_none,
        service: Service | None = None,
        reads: Set[str] = READS,
    ) -> None:
        self._clocks = clocks
        self._issuer = issuer
        self._server = KeepingServer(
            service or Table(clocks, issuer, keys_of).service(),
            now_unix_s=lambda: int(now()),
            keys_of=keys_of,
            revocations_of=self._revocations_of,
        )
        self._server.reads = reads
        self._server.keeper = self._receipts = ReceiptKeeper(clocks.store)
        self._metrics = Metrics(clocks)
        self._intake = Intake()

    def asgi(self, *routes: Route, lifespan: Lifespan | None = None) -> ASGIApp:
        """The application; `routes` come before its own, `lifespan` takes the place of its own.

        What is asked for all the time goes past the router, whose layers cost a tenth.
        """
        post, others = self.counted(self._post), self._starlette(routes, lifespan or self.lifespan)

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http" and scope["path"] == "/" and scope["method"] == "POST":
                response = await post(Request(scope, receive, send))
                await response(scope, receive, send)
            else:
                await others(scope, receive, send)

        return app

    def _starlette(self, before: Sequence[Route], lifespan: Lifespan) -> Starlette:
        routes = [
            *before,
            Route("/", self.counted(self._post), methods=["POST"]),
            Route("/receipt/{task}", self.counted(self.receipt)),
            Route("/.well-known/did.json", self._did_document),
            Route("/health", self.counted(self.health)),
            Route("/metrics", self._show_metrics),
        ]
        return Starlette(routes=routes, lifespan=lambda _: lifespan())

    @asynccontextmanager
    async def lifespan(self) -> AsyncGenerator[None]:
        """Whoever runs it keeps it within this: what is not stored yet is at the end."""
        yield
        await self._receipts.settle()

    def counted(
        self, work: Callable[[Request], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        """`work` as an endpoint: counted, and 503 for what can be asked again."""

        async def endpoint(request: Request) -> Response:
            try:
                response = await work(request)
            except AskAgain as error:
                log.error("asked to come again", extra={"why": str(error)})
                response = _text(503, error.told, {"retry-after": str(error.retry_after_s)})
            self._metrics.count(response.status_code)
            return response

        return endpoint

    async def _post(self, request: Request) -> Response:
        refusal = refuse_headers(request.headers)
        if refusal is not None:
            return Response(refusal.body, refusal.status, refusal.headers)
        try:
            async with self._intake.body(request) as body:
                answer = await self._server.answer(body)
        except NotReceived as error:
            return _text(error.status, str(error), {"connection": "close"})
        return Response(answer.body, answer.status, answer.headers)

    async def receipt(self, request: Request) -> Response:
        try:
            task = parse_cid(request.path_params["task"])
        except DecodeError as error:
            return _text(400, str(error))
        message = await self._receipts.load(task)
        if message is None:
            return _text(404, "no receipt of that task is kept")
        return Response(message, media_type=CONTENT_TYPE)

    async def _did_document(self, request: Request) -> Response:
        did = self._issuer.did
        signer = self._issuer.signer if isinstance(self._issuer, NamedSigner) else self._issuer
        method = {
            "id": f"{did}#key",
            "type": "Multikey",
            "controller": did,
            "publicKeyMultibase": signer.did.removeprefix("did:key:"),
        }
        context = ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1"]
        document = {"@context": context, "id": did, "verificationMethod": [method]}
        return JSONResponse(document | {"authentication": [method["id"]], "assertionMethod": [method["id"]]})

    async def health(self, request: Request) -> Response:
        await self._clocks.store.known(HEALTH)
        return JSONResponse({"status": "ok", "did": self._issuer.did})

    async def _show_metrics(self, request: Request) -> Response:
        return Response(self._metrics.text(), media_type="text/plain; version=0.0.4")

    async def _revocations_of(self, ucans: Sequence[CID]) -> list[Revocation]:
        """Read anew on every use (T3): another process may have taken one a moment ago."""
        return [Revocation(*each) for each in await self._clocks.store.revocations(ucans)]


def _text(status: int, text: str, headers: Mapping[str, str] | None = None) -> Response:
    return Response(f"{text}\n", status, headers, "text/plain; charset=utf-8")
