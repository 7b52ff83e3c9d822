"""Blocks from gateways: the first that has one, and nothing of those that fail."""

import asyncio

import pytest

from backup_agent.block_source import Gateways
from backup_agent.errors import HostRefused
from backup_agent.net import Http, Retry
from clock_service.admission import MAX_EVENT_BYTES
from pail import DAG_CBOR, cid_of
from tests.backup_agent.net.host import Asked, reply, serving

HERE, LARGE, NOWHERE = (cid_of(DAG_CBOR, text) for text in (b"here", b"large", b"nowhere"))


def answer(asked: Asked) -> bytes:
    assert asked.params == {"format": "raw"}
    bodies = {f"/second/ipfs/{HERE}": b"here", f"/second/ipfs/{LARGE}": b"x" * (MAX_EVENT_BYTES + 1)}
    return reply(200, bodies[asked.path]) if asked.path in bodies else reply(404)


def test_a_block_comes_from_the_first_gateway_that_has_it() -> None:
    async def ask() -> None:
        async with serving(answer) as host, Http(allow_private=True, retry=Retry(attempts=1)) as http:
            source = Gateways(http, [f"{host.url}/first", f"{host.url}/second/"])
            assert await source([HERE, LARGE, NOWHERE]) == {HERE: b"here"}
            assert f"/first/ipfs/{HERE}" in host.paths

    asyncio.run(ask())


def test_a_gateway_that_is_down_has_nothing() -> None:
    async def ask() -> None:
        async with serving(answer) as gone:
            pass
        async with Http(allow_private=True, retry=Retry(attempts=1)) as http:
            assert await Gateways(http, [gone.url])([HERE]) == {}

    asyncio.run(ask())


@pytest.mark.parametrize("url", ["http://gateway.example", "https://10.0.0.1", "gateway"])
def test_a_url_that_may_not_be_asked_is_refused_at_once(url: str) -> None:
    with pytest.raises(HostRefused):
        Gateways(Http(), [url])
