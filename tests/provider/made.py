"""A provider without a network, and what a client of the original's kind does with it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterable, Callable
from pathlib import Path
from typing import Any

import httpx

from clock_service.policy import Policy, Provision
from pail import CAR, CID, RAW, Block, Value, cid_of
from pail.car import Slice, encode_car_header, encode_frame
from provider.app import ProviderApp, Setup
from provider.blobs import Blobs
from provider.digest import name_of
from provider.folder_blobs import FolderBlobs
from provider.policy import Quota
from provider.records import HostedSpace
from provider.store import ProviderStore
from provider.tasks import holder_of
from space.sharded_dag_index import ShardedDagIndex, ShardSlices, encode_index
from tests.clock_service.calls import AGENT, FAR, HEADERS, SPACE_KEY, STRANGER, signer
from ucan import (
    Capability,
    Delegation,
    NamedSigner,
    Outcome,
    Receipt,
    Signer,
    decode_message,
    delegate,
    encode_archive,
    encode_request,
    issue_receipt,
    view_delegation,
    view_receipt,
)

URL = "http://provider.test"
SERVICE = NamedSigner("did:web:provider.test", signer(9))
SPACE, OTHER_KEY = SPACE_KEY.did, STRANGER
OTHER = OTHER_KEY.did
ACCOUNT = "did:mailto:example.com:alice"
NOW = 1_800_000_000
"""Of the tests' clock, in Unix seconds."""


def digest_of(data: bytes) -> bytes:
    return b"\x12\x20" + hashlib.sha256(data).digest()


def invoke(
    can: str,
    nb: dict[str, Value] | None = None,
    *,
    issuer: Signer = SPACE_KEY,
    resource: str = SPACE,
    proofs: tuple[Delegation, ...] = (),
    **more: Any,
) -> Delegation:
    more.setdefault("expires_at_unix", FAR)
    return delegate(issuer, SERVICE.did, [Capability(can, resource, nb)], proofs=proofs, **more)


def give(can: str, nb: dict[str, Value] | None = None, *, to: str = AGENT.did, **more: Any) -> Delegation:
    """A delegation by the space."""
    issuer, resource = more.get("issuer", SPACE_KEY), more.get("resource", SPACE)
    expires = more.get("expires_at_unix", FAR)
    return delegate(issuer, to, [Capability(can, resource, nb)], expires_at_unix=expires)


def token(invocation: Delegation) -> dict[str, str]:
    """The header that shows it."""
    text = base64.urlsafe_b64encode(encode_archive(invocation)).decode().rstrip("=")
    return {"authorization": f"Bearer u{text}"}


def retrieve(nb: dict[str, Value] | None = None, **more: Any) -> dict[str, str]:
    """A header that lets read."""
    return token(invoke("space/content/retrieve", nb, **more))


def shard_of(*contents: bytes) -> tuple[bytes, list[Slice], list[CID]]:
    """A CAR of raw blocks, where they stand, and their CIDs."""
    data, slices, cids = encode_car_header(), list[Slice](), list[CID]()
    for content in contents:
        cid = cid_of(RAW, content)
        frame = encode_frame(cid, content)
        slices.append(Slice(cid.multihash, len(data) + len(frame) - len(content), len(content)))
        data += frame
        cids.append(cid)
    return data, slices, cids


def index_of(shard: bytes, slices: list[Slice], content: CID | None = None) -> bytes:
    cid = cid_of(CAR, shard)
    return encode_index(ShardedDagIndex(content or cid, (ShardSlices(cid, len(shard), slices),)))


class Provider:
    """One provider process over `store` and `blobs`, called as clients call it."""

    def __init__(
        self,
        store: ProviderStore,
        blobs: Blobs | Path,
        *,
        quota: int = 1 << 20,
        provision: Provision = Provision.OPEN,
        now: Callable[[], float] = lambda: NOW,
        **setup: Any,
    ) -> None:
        self.store = store
        self.blobs = FolderBlobs(blobs) if isinstance(blobs, Path) else blobs
        made = Setup(URL, policy=Policy(provision), quota=Quota(quota, 2), **setup)
        self.quota = quota
        self.serve(ProviderApp(store, self.blobs, SERVICE, made, now=now))

    def serve(self, app: ProviderApp) -> None:
        self.app, self._asgi = app, app.asgi()

    def host(self, space: str = SPACE, quota: int | None = None) -> None:
        asyncio.run(self.store.host(HostedSpace(space, None, self.quota if quota is None else quota)))

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        return asyncio.run(self.ask(method, path, **options))

    async def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        async with self.app.shell.lifespan():
            transport = httpx.ASGITransport(app=self._asgi)
            async with httpx.AsyncClient(transport=transport, base_url=URL) as client:
                return await client.request(method, path, **options)

    def execute(self, invocation: Delegation) -> Receipt:
        answer = self.request("POST", "/", headers=HEADERS, content=encode_request([invocation]))
        assert answer.status_code == 200, answer.text
        receipt = decode_message(answer.content).receipt(invocation.cid)
        assert receipt is not None
        return receipt

    def out(self, can: str, nb: dict[str, Value] | None = None, **more: Any) -> Any:
        """The value of a success, or the name of a failure."""
        out: Any = self.execute(invoke(can, nb, **more)).out
        return out["ok"] if "ok" in out else out["error"]["name"]

    def promise(self, data: bytes, **more: Any) -> Promise | str:
        """What `space/blob/add` answers, or the name of its failure."""
        blob: Value = {"digest": more.pop("digest", digest_of(data)), "size": more.pop("size", len(data))}
        receipt = self.execute(invoke("space/blob/add", {"blob": blob}, **more))
        error: Any = receipt.out.get("error")
        return error["name"] if error else Promise(receipt)

    def put(self, promise: Promise, content: bytes | AsyncIterable[bytes]) -> httpx.Response:
        return self.request("PUT", promise.url, content=content)

    def conclude(self, promise: Promise, by: Signer | None = None) -> Any:
        """As the sender of the bytes."""
        put = promise.tasks["http/put"]
        receipt = issue_receipt(by or holder_of(promise.digest), put, Outcome({}))
        attached = [Block(cid, data) for cid, data in receipt.export()]
        facts: list[dict[str, Value]] = [{str(block.cid): block.cid for block in attached}]
        nb: dict[str, Value] = {"receipt": receipt.cid}
        return self.out("ucan/conclude", nb, issuer=AGENT, resource=AGENT.did, facts=facts, attached=attached)

    def upload(self, data: bytes, **more: Any) -> bytes:
        """The whole sequence; the digest."""
        promise = self.promise(data, **more)
        assert isinstance(promise, Promise), promise
        if promise.address is not None:
            assert self.put(promise, data).status_code == 200
            assert "time" in self.conclude(promise)
        return digest_of(data)

    def get(self, digest: bytes, **options: Any) -> httpx.Response:
        return self.request("GET", f"/blob/{name_of(digest)}", **options)


class Promise:
    """The tasks and receipts that came with the receipt of a `space/blob/add`."""

    def __init__(self, receipt: Receipt) -> None:
        forks = [view_delegation(cid, receipt.blocks) for cid in receipt.fork]
        self.tasks = {fork.ucan.capabilities[0].can: fork for fork in forks}
        self.receipts: dict[CID, Any] = {}
        for fork in forks:
            nb: Any = fork.ucan.capabilities[0].nb
            if fork.ucan.capabilities[0].can == "ucan/conclude":
                known = view_receipt(nb["receipt"], receipt.blocks)
                self.receipts[known.ran] = known.out
        allocated: Any = self.receipts[self.tasks["blob/allocate"].cid]
        self.size = allocated["ok"]["size"]
        self.address = allocated["ok"].get("address")
        put: Any = self.tasks["http/put"].ucan.capabilities[0].nb
        self.digest: bytes = put["body"]["digest"]

    @property
    def url(self) -> str:
        return self.address["url"].removeprefix(URL)

    @property
    def accept(self) -> CID:
        return self.tasks["blob/accept"].cid
