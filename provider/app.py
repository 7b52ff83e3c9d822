"""A provider over HTTP: what a clock service answers, and

    PUT  /upload/{ticket}      the bytes of a blob, at the URL that was given for them
    GET  /blob/{name}          the bytes of a blob
    GET  /ipfs/{cid}/{path}    a block, a CAR or a file
    GET  /receipt/{task}       of a `blob/accept` too, for as long as it matters
    GET, POST /validate-email  what a mail to an account's owner links to

A store that does not answer, whichever of the two, is 503: nothing was acknowledged.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from html import escape
from time import time

from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from clock_service.app import ClockApp
from clock_service.capabilities import REVOKE
from clock_service.fetching import Source
from clock_service.policy import Policy, Provision
from clock_service.receipts import READS
from clock_service.service import ClockService
from clock_service.table import Table, resolve_none
from pail import CID, DecodeError, MissingBlock, TooLarge, parse_cid
from provider import capabilities
from provider.account_table import AccountTable
from provider.accounts import Accounts, decode_link
from provider.blobs import Blobs
from provider.content import Content, Endpoint, answered
from provider.errors import UploadInterrupted
from provider.gateway import Gateway
from provider.hosting import Hosting
from provider.indexing import Indexer
from provider.mail import Mail
from provider.policy import Quota
from provider.rights import Rights
from provider.space_table import SpaceTable
from provider.store import ProviderStore
from provider.sweeping import Sweeper
from ucan import CONTENT_TYPE, NamedSigner, Server, Service, encode_response
from ucan.questions import Revocation
from ucan.server import KeyResolver

PREFLIGHT_LIFE_S = 86_400


@dataclass(frozen=True, slots=True)
class Setup:
    """What an operator decides. mail: None confirms everybody. has_clocks: whether clock/* is answered."""

    base_url: str
    policy: Policy = field(default_factory=Policy)
    quota: Quota = field(default_factory=Quota)
    mail: Mail | None = None
    has_clocks: bool = True


class ProviderApp:
    """The endpoints of one provider. source: where a clock's events may be had that did not come along."""

    def __init__(
        self,
        store: ProviderStore,
        blobs: Blobs,
        issuer: NamedSigner,
        setup: Setup,
        *,
        now: Callable[[], float] = time,
        keys_of: KeyResolver = resolve_none,
        source: Source | None = None,
    ) -> None:
        self._store = store
        self.hosting = Hosting(store, blobs, issuer, setup.base_url, now=now)
        self._sweeper = Sweeper(store, blobs)
        hosted = replace(setup.policy, provision=Provision.REGISTERED)  # whoever adds a space adds its clock
        clocks = ClockService(store.clocks, hosted, source=source)
        service = self._service(clocks, setup, now, keys_of)
        reads = READS | capabilities.READS
        self.shell = ClockApp(clocks, issuer, now=now, keys_of=keys_of, service=service, reads=reads)
        confirms = Service(issuer, [service.table[capabilities.CONFIRM.can]])
        self._confirms = Server(confirms, now_unix_s=lambda: int(now()), revocations_of=self._revocations_of)
        rights = Rights(store, issuer, keys_of=keys_of, revocations_of=self._revocations_of, now=now)
        self._content = Content(store, blobs, rights)
        self._gateway = Gateway(store, blobs, rights)

    def _service(
        self, clocks: ClockService, setup: Setup, now: Callable[[], float], keys_of: KeyResolver
    ) -> Service:
        hosting, issuer = self.hosting, self.hosting.issuer
        accounts = Accounts(
            self._store, issuer, setup.base_url, setup.mail, counters=clocks.counters, now=now
        )
        clock_rows = Table(clocks, issuer, keys_of).rows()
        kept = [row for row in clock_rows if setup.has_clocks or row.definition is REVOKE]
        spaces = SpaceTable(hosting, Indexer(self._store, hosting.blobs)).rows()
        others = AccountTable(hosting, accounts, setup.policy.provision, setup.quota).rows()
        return Service(issuer, [*kept, *spaces, *others])

    def asgi(self) -> ASGIApp:
        """The application; clients in browsers may ask it, since nothing here goes by cookies."""
        return CORSMiddleware(
            self.shell.asgi(*self._routes(self.shell.counted), lifespan=self.lifespan),
            allow_origins=["*"],
            allow_methods=["GET", "HEAD", "POST", "PUT"],
            allow_headers=["*"],
            expose_headers=["content-range", "etag", "x-ipfs-roots"],
            max_age=PREFLIGHT_LIFE_S,
        )

    def _routes(self, counted: Callable[[Endpoint], Endpoint]) -> list[Route]:
        return [
            Route("/upload/{ticket}", counted(answered(self._upload)), methods=["PUT"]),
            Route("/blob/{name}", counted(answered(self._content.blob))),
            Route("/ipfs/{cid}", counted(answered(self._gateway.ipfs))),
            Route("/ipfs/{cid}/{path:path}", counted(answered(self._gateway.ipfs))),
            Route("/receipt/{task}", counted(self._receipt)),
            Route("/health", counted(self._health)),
            Route("/validate-email", counted(self._confirm), methods=["GET", "POST"]),
        ]

    @asynccontextmanager
    async def lifespan(self) -> AsyncGenerator[None]:
        """Sweep now and then; at the end what is not stored yet is."""
        sweeping = asyncio.create_task(self._sweeper.run())
        async with self.shell.lifespan():
            yield
        sweeping.cancel()
        with suppress(asyncio.CancelledError):
            await sweeping

    async def _health(self, request: Request) -> Response:
        await self.hosting.blobs.check()
        return await self.shell.health(request)

    async def _upload(self, request: Request) -> Response:
        ticket = self.hosting.redeem(request.path_params["ticket"])
        try:
            await self.hosting.receiver.receive(ticket.blob, request.stream(), ticket.owner, ticket.payer)
        except ClientDisconnect as error:
            raise UploadInterrupted("the sender has gone; put the whole again") from error
        return Response(status_code=200)

    async def _receipt(self, request: Request) -> Response:
        """An accept's can be made again from its allocation; others are those of the shell."""
        with suppress(DecodeError):
            receipt = await self.hosting.accept_receipt(parse_cid(request.path_params["task"]))
            if receipt is not None:
                return Response(encode_response([receipt]), media_type=CONTENT_TYPE)
        return await self.shell.receipt(request)

    async def _confirm(self, request: Request) -> Response:
        """A mail reader that opens links says GET; only a person presses the button."""
        if request.method == "GET":
            return _page('<form method="post"><button>Yes, it was me</button></form>')
        try:
            invocation = decode_link(request.query_params.get("ucan", ""))
        except (DecodeError, TooLarge, MissingBlock) as error:
            return _page(escape(str(error)), 400)
        receipt = await self._confirms.run(invocation)
        if "ok" in receipt.out:
            return _page("Done. You can close this page.")
        return _page("This link does not hold any more.", 403)

    async def _revocations_of(self, ucans: Sequence[CID]) -> list[Revocation]:
        return [Revocation(*each) for each in await self._store.clocks.revocations(ucans)]


def _page(text: str, status: int = 200) -> Response:
    """Its URL holds a link that nobody else may see."""
    page = f"<!doctype html><title>Skypail</title><h1>Let an agent act for you</h1><p>{text}</p>"
    return HTMLResponse(page, status, {"referrer-policy": "no-referrer", "cache-control": "no-store"})
