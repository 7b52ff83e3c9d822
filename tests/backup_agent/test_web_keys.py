"""Keys of those who go by a did:web: from their host, bounded, and nothing of what cannot be had."""

import asyncio
from typing import cast

import pytest

from backup_agent import web_keys
from backup_agent.directory import web_document
from backup_agent.identity_errors import InvalidAccount
from backup_agent.net import Http
from backup_agent.web_keys import WebKeys
from tests.backup_agent.net.host import Asked, reply, serving, told
from tests.clock_service.remote import SERVICE

KEY = {"publicKeyMultibase": SERVICE.did.removeprefix("did:key:")}


def test_the_keys_are_those_of_the_document_and_are_remembered_for_a_minute() -> None:
    now = [0.0]

    async def ask() -> None:
        async with (
            serving(lambda _: told({"verificationMethod": [KEY, {}, 1]})) as host,
            Http(allow_private=True) as http,
        ):
            keys_of = WebKeys(http, now_s=lambda: now[0])
            for at, asked in ((0, 1), (59, 1), (61, 2)):
                now[0] = at
                keys = await keys_of(f"did:web:localhost%3A{host.port}")
                assert ([key.did for key in keys], len(host.asked)) == ([SERVICE.did], asked)

    asyncio.run(ask())


def test_what_cannot_be_resolved_has_no_keys() -> None:
    def answer(asked: Asked) -> bytes:
        return reply(200, b"[" * 100_000)

    async def ask() -> None:
        async with serving(answer) as host, Http(allow_private=True) as http:
            for did in (f"did:web:localhost%3A{host.port}", "did:web:127.0.0.1", "did:mailto:a.example:b"):
                assert await WebKeys(http)(did) == ()

    asyncio.run(ask())


def test_the_path_of_a_did_is_not_taken_for_a_port() -> None:
    """did:web:host:8443 is whoever has the path /8443 there, not whoever answers at that port."""

    async def ask() -> None:
        async with serving(lambda _: told({"verificationMethod": [KEY]})) as host:
            async with Http(allow_private=True) as http:
                with pytest.raises(InvalidAccount):
                    await web_document(http, f"did:web:localhost:{host.port}")
            assert host.asked == []

    asyncio.run(ask())


def test_hosts_on_this_machine_are_not_asked_unless_the_operator_says_so() -> None:
    async def ask() -> None:
        async with serving(lambda _: told({"verificationMethod": [KEY]})) as host, Http() as http:
            assert await WebKeys(http)(f"did:web:localhost%3A{host.port}") == ()
            assert host.asked == []

    asyncio.run(ask())


def test_only_so_many_wait_and_none_for_long(monkeypatch) -> None:
    monkeypatch.setattr(web_keys, "MAX_WAITING", 2)
    monkeypatch.setattr(web_keys, "ANSWER_TIMEOUT_S", 0.02)
    asked: list[str] = []

    class Silent:
        async def fetch(self, request) -> None:
            asked.append(request.url)
            await asyncio.Event().wait()

    async def ask() -> None:
        keys_of = WebKeys(cast("Http", Silent()))
        dids = [f"did:web:host{number}.example" for number in range(5)]
        assert await asyncio.gather(*map(keys_of, dids)) == [()] * 5

    asyncio.run(ask())
    assert len(asked) == 2
