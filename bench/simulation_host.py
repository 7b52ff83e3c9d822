"""The host and the PLC directory of a simulated account, on loopback, counting what it serves."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from backup_agent.demo.plc_log import document, moved
from backup_agent.demo.serve import listening, serving, url_of
from bench.simulation import Account, Day
from pail import parse_cid

PAGE = 500


class SimulatedHost:
    """Serves `account` as it is on the day `today`, as the reference PDS would.

    requests, sent_bytes: what was asked for, and the bytes of the answers' bodies.
    """

    def __init__(self, account: Account, today: Day, url: str) -> None:
        self.account, self.today, self.url = account, today, url
        self.requests = self.sent_bytes = 0
        self._plc_log = moved(account.plc_log, account.rotation_key, url)
        self._app = Starlette(
            routes=[
                Route("/xrpc/com.atproto.sync.getLatestCommit", self._get_latest_commit),
                Route("/xrpc/com.atproto.sync.getRepo", self._get_repo),
                Route("/xrpc/com.atproto.sync.listBlobs", self._list_blobs),
                Route("/xrpc/com.atproto.sync.getBlob", self._get_blob),
                Route("/{did}/log/audit", self._audit_log),
                Route("/{did}", self._did_document),
            ]
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def count(message: Message) -> None:
            self.sent_bytes += len(message.get("body", b""))
            await send(message)

        self.requests += 1
        await self._app(scope, receive, count)

    async def _did_document(self, request: Request) -> Response:
        return JSONResponse(document(self._plc_log), media_type="application/did+ld+json")

    async def _audit_log(self, request: Request) -> Response:
        return JSONResponse(self._plc_log)

    async def _get_latest_commit(self, request: Request) -> Response:
        return JSONResponse({"cid": str(self.today.commit), "rev": self.today.rev})

    async def _get_repo(self, request: Request) -> Response:
        car = self.today.car(since=request.query_params.get("since", ""))
        return Response(car, media_type="application/vnd.ipld.car")

    async def _list_blobs(self, request: Request) -> Response:
        query, today = request.query_params, self.today
        since, cursor = query.get("since", ""), query.get("cursor", "")
        listed = sorted(str(cid) for cid in today.blobs if today.born[cid] > since)
        page = [cid for cid in listed if cid > cursor][:PAGE]
        return JSONResponse({"cids": page} | ({"cursor": page[-1]} if page else {}))

    async def _get_blob(self, request: Request) -> Response:
        return Response(self.today.blobs[parse_cid(request.query_params["cid"])], media_type="image/jpeg")


@contextmanager
def run_host(account: Account, today: Day) -> Generator[SimulatedHost]:
    """The host listens at its `url` until the block ends."""
    with listening() as sock:
        host = SimulatedHost(account, today, url_of(sock))
        with serving(host, sock):
            yield host
