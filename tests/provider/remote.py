"""A client of a provider in another process, over its socket."""

from __future__ import annotations

import asyncio
from secrets import token_hex
from typing import Any

import httpx

from pail import Block, Value
from provider.digest import name_of
from provider.tasks import holder_of
from tests.clock_service.calls import AGENT, FAR, HEADERS, SPACE_KEY
from tests.provider.child import Running
from tests.provider.made import ACCOUNT, Promise, digest_of, token
from ucan import (
    Capability,
    Delegation,
    Outcome,
    Receipt,
    Signer,
    decode_message,
    delegate,
    encode_request,
    issue_receipt,
)
from ucan.archive import read_blocks
from ucan.delegation import view_delegation

SPACE = SPACE_KEY.did


class Client:
    """Of one provider that confirms everybody. tickets: those of its uploads."""

    def __init__(self, server: Running) -> None:
        self.server = server
        self.tickets: list[str] = []

    def invoke(
        self,
        can: str,
        nb: dict[str, Value] | None,
        issuer: Signer = SPACE_KEY,
        resource: str = SPACE,
        **more: Any,
    ) -> Delegation:
        more.setdefault("nonce", token_hex(8))
        capability = Capability(can, resource, nb)
        return delegate(issuer, self.server.did, [capability], expires_at_unix=FAR, **more)

    async def execute(self, http: httpx.AsyncClient, invocation: Delegation) -> Receipt:
        """Raises httpx.HTTPError if no answer comes."""
        body = encode_request([invocation])
        answer = await http.post(f"{self.server.url}/", headers=HEADERS, content=body)
        answer.raise_for_status()
        receipt = decode_message(answer.content).receipt(invocation.cid)
        assert receipt is not None
        assert "ok" in receipt.out, receipt.out
        return receipt

    async def host(self, http: httpx.AsyncClient) -> None:
        """Have SPACE hosted, by an account."""
        asked: dict[str, Value] = {"iss": ACCOUNT, "att": [{"can": "*"}]}
        await self.execute(http, self.invoke("access/authorize", asked, AGENT, AGENT.did))
        claimed: Any = (await self.execute(http, self.invoke("access/claim", None, AGENT, AGENT.did))).out[
            "ok"
        ]
        session = [view_delegation(*read_blocks(car)) for car in claimed["delegations"].values()]
        nb: dict[str, Value] = {"provider": self.server.did, "consumer": SPACE}
        await self.execute(http, self.invoke("provider/add", nb, AGENT, ACCOUNT, proofs=session))

    async def promise(self, http: httpx.AsyncClient, data: bytes) -> Promise:
        blob: Value = {"digest": digest_of(data), "size": len(data)}
        return Promise(await self.execute(http, self.invoke("space/blob/add", {"blob": blob})))

    async def put(self, http: httpx.AsyncClient, promise: Promise, data: bytes) -> None:
        if promise.address is not None:
            url = promise.address["url"]
            self.tickets.append(url.rpartition("/")[2])
            path = url[url.index("/upload/") :]
            (await http.put(f"{self.server.url}{path}", content=data)).raise_for_status()

    async def conclude(self, http: httpx.AsyncClient, promise: Promise) -> None:
        receipt = issue_receipt(holder_of(promise.digest), promise.tasks["http/put"], Outcome({}))
        attached = [Block(cid, data) for cid, data in receipt.export()]
        facts: list[dict[str, Value]] = [{str(block.cid): block.cid for block in attached}]
        nb: dict[str, Value] = {"receipt": receipt.cid}
        wanted = self.invoke("ucan/conclude", nb, AGENT, AGENT.did, facts=facts, attached=attached)
        await self.execute(http, wanted)

    async def upload(self, data: bytes) -> None:
        """Host the space, and the whole sequence."""
        async with httpx.AsyncClient(timeout=60) as http:
            await self.host(http)
            promise = await self.promise(http, data)
            await self.put(http, promise, data)
            await self.conclude(http, promise)

    async def read(self, http: httpx.AsyncClient, digest: bytes) -> bytes:
        header = token(self.invoke("space/content/retrieve", None))
        answer = await http.get(f"{self.server.url}/blob/{name_of(digest)}", headers=header)
        answer.raise_for_status()
        return answer.content

    async def read_all(self, digests: list[bytes]) -> list[bytes]:
        async with httpx.AsyncClient(timeout=60) as http:
            return list(await asyncio.gather(*(self.read(http, digest) for digest in digests)))
