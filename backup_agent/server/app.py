"""The server agent over HTTP.

    POST /                      a message of UCAN invocations in, receipts out; see ucan.http for statuses
    GET  /.well-known/did.json  the key of the server
    GET  /health                200 while it can do work, else 503 with the reason
    GET  /metrics               Prometheus' text format

A database that does not answer is 503: nothing was acknowledged.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from time import time

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from backup_agent.server import revocation_rows
from backup_agent.server.database import Database
from backup_agent.server.metrics import Metrics
from backup_agent.server.table import Table
from clock_service.errors import StoreUnavailable
from clock_service.intake import Intake, NotReceived
from pail import CID
from ucan import Revocation, Server, Signer, refuse_headers

Endpoint = Callable[[Request], Awaitable[Response]]

log = logging.getLogger(__name__)


class AgentApp:
    """The endpoints. why_unready: None while work is done here or elsewhere, else the reason; blocks."""

    def __init__(
        self,
        database: Database,
        signer: Signer,
        table: Table,
        metrics: Metrics,
        why_unready: Callable[[], str | None],
        *,
        now: Callable[[], float] = time,
    ) -> None:
        self._database = database
        self._signer = signer
        self._metrics = metrics
        self._why_unready = why_unready
        self._intake = Intake()
        self._server = Server(
            table.service(), now_unix_s=lambda: int(now()), revocations_of=self._revocations_of
        )

    def asgi(self) -> Starlette:
        """The application."""
        return Starlette(
            routes=[
                Route("/", self._counted(self._post), methods=["POST"]),
                Route("/.well-known/did.json", self._did_document),
                Route("/health", self._counted(self._health)),
                Route("/metrics", self._counted(self._show_metrics)),
            ]
        )

    def _counted(self, work: Endpoint) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            try:
                response = await work(request)
            except StoreUnavailable as error:
                log.error("database away", extra={"why": str(error)})
                response = _text(503, "the database does not answer; nothing was acknowledged")
            self._metrics.count_response(response.status_code)
            return response

        return endpoint

    async def _post(self, request: Request) -> Response:
        refusal = refuse_headers(request.headers)
        if refusal is not None:
            return Response(refusal.body, refusal.status, refusal.headers)
        try:
            async with self._intake.body(request) as body:
                answer = await self._server.respond(request.headers, body)
        except NotReceived as error:
            response = _text(error.status, str(error))
            response.headers["connection"] = "close"
            return response
        return Response(answer.body, answer.status, answer.headers)

    async def _did_document(self, request: Request) -> Response:
        did = self._signer.did
        method = {
            "id": f"{did}#key",
            "type": "Multikey",
            "controller": did,
            "publicKeyMultibase": did.removeprefix("did:key:"),
        }
        context = ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1"]
        return JSONResponse({"@context": context, "id": did, "verificationMethod": [method]})

    async def _health(self, request: Request) -> Response:
        why = await self._database.ask(lambda session: self._why_unready())
        if why is not None:
            return JSONResponse({"status": "unready", "why": why}, 503)
        return JSONResponse({"status": "ok", "did": self._signer.did})

    async def _show_metrics(self, request: Request) -> Response:
        text = await self._database.ask(self._metrics.text)
        return Response(text, media_type="text/plain; version=0.0.4")

    async def _revocations_of(self, ucans: Sequence[CID]) -> list[Revocation]:
        return await self._database.ask(lambda session: revocation_rows.revocations(session, ucans))


def _text(status: int, text: str) -> Response:
    headers = {"retry-after": "5"} if status == 503 else None
    return Response(f"{text}\n", status, headers, "text/plain; charset=utf-8")
