"""Who a clock service is: what it says of itself, and by which keys its receipts are checked."""

import asyncio
import json
from collections.abc import Coroutine
from typing import Any, TypeVar, cast

import pytest

from backup_agent.clock_host import ClockHost
from backup_agent.clock_list import KnownClock
from backup_agent.errors import HostUnreachable
from backup_agent.net import Answer, Http, Request
from clock_service.errors import BadAnswer, ClockUnreachable
from tests.clock_service.remote import SERVICE
from ucan import Connection

T = TypeVar("T")

URL = "https://clock.example"
KEY = SERVICE.did.removeprefix("did:key:")


class Web:
    """Answers GETs from a map of documents; anything else is 404."""

    def __init__(self, documents: dict[str, Any]) -> None:
        self.documents = documents
        self.asked: list[Request] = []

    async def fetch(self, request: Request) -> Answer:
        self.asked.append(request)
        found = self.documents.get(request.url)
        if isinstance(found, Exception):
            raise found
        content = found if isinstance(found, bytes) else json.dumps(found).encode()
        return Answer("clock.example", 404 if found is None else 200, {}, content)


def host(documents: dict[str, Any]) -> ClockHost:
    return ClockHost(cast("Http", Web(documents)))


def finish(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


def test_it_is_asked_who_it_is() -> None:
    documents = {f"{URL}/.well-known/did.json": {"id": SERVICE.did}}
    assert finish(host(documents).find(URL + "/")) == KnownClock(URL + "/", SERVICE.did)


@pytest.mark.parametrize("document", [None, {}, {"id": 1}, {"id": "clock"}, [], b"not JSON", b"[" * 100_000])
def test_one_that_does_not_say(document: Any) -> None:
    with pytest.raises(BadAnswer):
        finish(host({f"{URL}/.well-known/did.json": document}).find(URL))


def test_one_that_does_not_answer() -> None:
    with pytest.raises(ClockUnreachable, match="cannot be asked"):
        finish(host({f"{URL}/.well-known/did.json": HostUnreachable("clock.example", "silence")}).find(URL))


def test_a_did_key_is_its_own_key_and_nobody_is_asked() -> None:
    connection = finish(host({}).connect(KnownClock(URL, SERVICE.did)))
    assert [key.did for key in connection.keys] == [SERVICE.did]


def connect_web(methods: Any) -> Connection:
    document = {"id": "did:web:other.example", "verificationMethod": methods}
    documents = {"https://other.example/.well-known/did.json": document}
    return finish(host(documents).connect(KnownClock(URL, "did:web:other.example")))


def test_the_keys_of_a_did_web_come_from_the_host_it_names() -> None:
    unknown = {"publicKeyMultibase": "zUnknown"}
    keys = connect_web([unknown, "text", {"publicKeyMultibase": KEY}]).keys
    assert [key.did for key in keys] == [SERVICE.did]


@pytest.mark.parametrize("methods", [None, {}, [], [{"publicKeyMultibase": 1}], [{"publicKeyJwk": {}}]])
def test_a_did_web_without_a_key(methods: Any) -> None:
    with pytest.raises(BadAnswer, match="without a key"):
        connect_web(methods)


@pytest.mark.parametrize("did", ["did:key:zNothing", "did:mailto:example.com:alice", "did:plc:" + "a" * 24])
def test_a_did_that_cannot_be_checked(did: str) -> None:
    with pytest.raises(BadAnswer, match="cannot be checked"):
        finish(host({}).connect(KnownClock(URL, did)))


def test_a_did_web_that_cannot_be_resolved() -> None:
    with pytest.raises(ClockUnreachable, match="cannot be resolved"):
        finish(host({}).connect(KnownClock(URL, "did:web:other.example")))
