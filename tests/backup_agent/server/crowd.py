"""A host with many small accounts, and the PLC directory that proves them; and owners who schedule them."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from backup_agent.bucket_credentials import ENDPOINT, seal_credentials
from backup_agent.catalogue import entries
from backup_agent.demo.k256 import K256Key
from backup_agent.demo.recording import Revision
from backup_agent.demo.serve import listening, serving, url_of
from backup_agent.server.admission import OPS
from backup_agent.snapshot import backups_prefix
from pail import Value, run
from space import FolderClock, Space, open_folder
from space.bucket.opening import open_bucket
from tests.backup_agent.made_identity import MadeIdentity, make_identity
from tests.forged import repository
from tests.space.bucket_server import KEYS, BucketServer, environ
from ucan import Capability, Delegation, Receipt, Signer, decode_message, delegate, encode_request
from ucan.http import MAX_BODY_BYTES
from ucan.message import CONTENT_TYPE

KEY = K256Key(bytes(31) + b"\7")
REVISIONS = ("3l2abcdefgh2a", "3l2abcdefgh2b", "3l2abcdefgh2c")
BATCH = 30
HEADERS = {"content-type": CONTENT_TYPE, "accept": CONTENT_TYPE}


@dataclass(slots=True)
class Crowd:
    """Accounts by DID. delay_s: before each answer about a repository. limited_s: ask again after so many."""

    accounts: dict[str, MadeIdentity]
    heads: dict[str, Revision]
    delay_s: float = 0.0
    limited_s: int = 0
    requests: Counter[str] = field(default_factory=Counter[str])
    repos: Counter[str] = field(default_factory=Counter[str])
    """How often each account's repository was asked for."""

    def post(self, did: str, number: int = 1) -> None:
        """The account has one record more."""
        self.heads[did] = _revision(did, number)

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/xrpc/com.atproto.sync.getLatestCommit", self._latest),
                Route("/xrpc/com.atproto.sync.getRepo", self._repo),
                Route("/xrpc/com.atproto.sync.listBlobs", self._blobs),
                Route("/{did}/log/audit", self._log),
                Route("/{did}", self._document),
            ]
        )

    async def _latest(self, request: Request) -> Response:
        head = await self._head(request, "getLatestCommit")
        if self.limited_s:
            return JSONResponse({"error": "RateLimitExceeded"}, 429, {"retry-after": str(self.limited_s)})
        return JSONResponse({"cid": head.cid, "rev": head.rev})

    async def _repo(self, request: Request) -> Response:
        self.repos[request.query_params["did"]] += 1
        return Response((await self._head(request, "getRepo")).car, media_type="application/vnd.ipld.car")

    async def _blobs(self, request: Request) -> Response:
        await self._head(request, "listBlobs")
        return JSONResponse({"cids": []})

    async def _head(self, request: Request, method: str) -> Revision:
        self.requests[method] += 1
        await asyncio.sleep(self.delay_s)
        return self.heads[request.query_params["did"]]

    async def _log(self, request: Request) -> Response:
        return JSONResponse(self.accounts[request.path_params["did"]].log)

    async def _document(self, request: Request) -> Response:
        return JSONResponse(self.accounts[request.path_params["did"]].document)


def _revision(did: str, number: int) -> Revision:
    records: dict[str, Value] = {
        f"app.bsky.feed.post/{REVISIONS[each]}": {"text": f"post {each}"} for each in range(number + 1)
    }
    return repository(records, KEY, did=did, rev=REVISIONS[number])


@contextmanager
def run_crowd(number: int) -> Generator[tuple[Crowd, str]]:
    """The accounts, and the URL of their host and directory."""
    with listening() as sock:
        url = url_of(sock)
        made = [make_identity(f"a{each}.test", url) for each in range(number)]
        crowd = Crowd({each.did: each for each in made}, {each.did: _revision(each.did, 0) for each in made})
        with serving(crowd.app(), sock):
            yield crowd, url


@dataclass(frozen=True, slots=True)
class Owner:
    """The holder of a space's key. The space is a folder below `root`."""

    key: Signer
    root: Path

    @classmethod
    def make(cls, name: str, root: Path) -> Owner:
        owner = cls(Signer.from_seed(name.encode().ljust(32, b".")), root)
        open_folder(owner.folder, cache=root / "owners", did=owner.key.did).close()
        return owner

    @property
    def folder(self) -> Path:
        return self.root / f"space-{self.key.did[-8:]}"

    def place(self, server: str) -> dict[str, Value]:
        """As a schedule for `server` names it."""
        return {"url": self.folder.as_uri()}

    def open(self) -> Space:
        return open_folder(self.folder, cache=self.root / "owners")

    def delegation(self, server: str, account: str, *, ends_s: int | None = None) -> Delegation:
        """What a schedule takes, exactly."""
        advance: dict[str, Value] = {"keys": backups_prefix(account), "ops": OPS}
        capabilities = [
            Capability("clock/advance", self.key.did, advance),
            Capability("clock/head", self.key.did),
        ]
        ends = ends_s or int(time.time()) + 3600
        return delegate(self.key, server, capabilities, expires_at_unix=ends)

    def schedule(self, server: str, account: str, *, every_s: int = 3600, **more: Value) -> Delegation:
        """The invocation."""
        granted = self.delegation(server, account)
        nb: dict[str, Value] = {
            "account": account,
            "every": every_s,
            "place": self.place(server),
            "delegations": [granted.cid],
            **more,
        }
        return self.invoke(server, "backup/schedule", nb, [granted])

    def invoke(
        self, server: str, can: str, nb: dict[str, Value], attached: Sequence[Delegation] = ()
    ) -> Delegation:
        blocks = [block for each in attached for block in each.export()]
        return delegate(
            self.key,
            server,
            [Capability(can, self.key.did, nb)],
            expires_at_unix=int(time.time()) + 300,
            nonce=str(time.monotonic_ns()),
            facts=[{str(block.cid): block.cid for block in blocks}] if blocks else [],
            attached=blocks,
        )

    def snapshots(self) -> Counter[str]:
        """How many snapshots of each account the space holds, as the place alone says."""
        with self.open() as space:
            head = FolderClock(space, self.key).head()
            return Counter(entry.account for entry in run(entries(head), space.get))


@dataclass(frozen=True, slots=True)
class BucketOwner(Owner):
    """One whose space is in a bucket of the server at `endpoint`."""

    endpoint: str = ""
    url: str = ""

    @classmethod
    def at(cls, server: BucketServer, name: str, root: Path) -> BucketOwner:
        key = Signer.from_seed(name.encode().ljust(32, b"."))
        owner = cls(key, root, server.url, f"s3://{server.new_bucket()}/space")
        owner.open().close()
        return owner

    def place(self, server: str) -> dict[str, Value]:
        credentials = KEYS | {ENDPOINT: self.endpoint}
        return {"url": self.url, "sealed": seal_credentials(credentials, server, self.key.did, self.url)}

    def open(self) -> Space:
        environ_, cache = environ(self.endpoint), self.root / "owners"
        return open_bucket(self.url, cache=cache, environ=environ_, did=self.key.did, allow_private=True)


def ask(url: str, *invocations: Delegation) -> list[Receipt]:
    """The receipts, in order; in as few requests as there may be."""
    receipts: list[Receipt] = []
    for at in range(0, len(invocations), BATCH):
        part = invocations[at : at + BATCH]
        body = encode_request(part)
        assert len(body) < MAX_BODY_BYTES
        answer = httpx.post(url, content=body, headers=HEADERS, timeout=60)
        assert answer.status_code == 200, answer.text
        message = decode_message(answer.content)
        found = [message.receipt(each.cid) for each in part]
        receipts += [each for each in found if each is not None]
    assert len(receipts) == len(invocations)
    return receipts
