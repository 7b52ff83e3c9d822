"""Who an account is, and every way in which that cannot be established."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from backup_agent.errors import AgentError, HostRefused, HostUnreachable
from backup_agent.identity import Identity, Resolver
from backup_agent.identity_errors import (
    DidNotFound,
    DidTombstoned,
    DirectoryUnreachable,
    HandleNotClaimed,
    HandleNotFound,
    InvalidAccount,
    InvalidDidDocument,
    LyingDirectory,
    NoHost,
)
from tests.backup_agent.made_identity import MULTIKEY, as_bytes, make_document, make_identity
from tests.backup_agent.net.host import Answerer, Asked, Host, Time, http_in, reply, serving

HANDLE = "alice.skypail.org"
PDS = "https://pds.skypail.org"
ALICE = make_identity(HANDLE, PDS)


def directory(document: Any = ALICE.document, log: Any = ALICE.log) -> Answerer:
    """A PLC directory that says this of every account."""
    return lambda asked: reply(200, as_bytes(log if asked.path.endswith("/log/audit") else document))


def resolve(
    account: str, answer: Answerer | None = None, txt: dict[str, Sequence[str]] | None = None
) -> tuple[Identity, Host]:
    """txt: the DNS, by handle; no other handle has a record, nor does any web host answer."""

    async def look_up(name: str) -> Sequence[str]:
        return (txt or {}).get(name.removeprefix("_atproto."), [])

    async def dead(_: str) -> Sequence[str]:
        raise OSError

    async def main() -> tuple[Identity, Host]:
        async with serving(answer or directory()) as host, http_in(Time(), lookup=dead) as http:
            return await Resolver(http, plc_url=host.url, txt=look_up).resolve(account), host

    return asyncio.run(main())


DNS = {HANDLE: [f"did={ALICE.did}"]}


def test_a_handle_confirmed_both_ways() -> None:
    identity, host = resolve(HANDLE, txt=DNS)
    assert identity == Identity(
        ALICE.did,
        HANDLE,
        HANDLE,
        PDS,
        f"did:key:{MULTIKEY}",
        as_bytes(ALICE.document),
        as_bytes(ALICE.log),
    )
    assert host.paths == [f"/{ALICE.did}", f"/{ALICE.did}/log/audit"]


def test_a_did_with_a_handle_that_leads_back() -> None:
    assert resolve(ALICE.did, txt=DNS)[0] == resolve("@" + HANDLE.upper(), txt=DNS)[0]


@pytest.mark.parametrize(
    "dns", [{}, {HANDLE: ["did=did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"]}, {HANDLE: ["did=a", "did=b"]}]
)
def test_a_did_whose_handle_does_not_lead_back_is_reported_not_refused(dns: dict[str, Sequence[str]]) -> None:
    identity, _ = resolve(ALICE.did, txt=dns)
    assert (identity.handle, identity.claimed_handle) == (None, HANDLE)


def test_a_did_without_handle() -> None:
    made = make_identity(None, PDS)
    identity, _ = resolve(made.did, directory(made.document, made.log))
    assert (identity.handle, identity.claimed_handle) == (None, None)


def test_an_unknown_handle() -> None:
    with pytest.raises(HandleNotFound, match="unknown handle nobody"):
        resolve("nobody.skypail.org")


def test_a_handle_that_the_document_does_not_claim() -> None:
    with pytest.raises(HandleNotClaimed, match="does not claim it"):
        resolve("mallory.skypail.org", txt={"mallory.skypail.org": [f"did={ALICE.did}"]})


def test_a_handle_of_another_did_method() -> None:
    with pytest.raises(InvalidAccount):
        resolve(HANDLE, txt={HANDLE: ["did=did:key:z6Mk"]})


def answering(status: int) -> Answerer:
    return lambda _: reply(status, b'{"message":"no"}')


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (answering(404), DidNotFound, "does not know did:plc:"),
        (answering(410), DidTombstoned, "ended for good"),
        (answering(503), DirectoryUnreachable, "PLC directory at localhost cannot be asked"),
        (answering(429), DirectoryUnreachable, "too many requests"),
        (answering(400), DirectoryUnreachable, "status 400"),
        (lambda _: b"", DirectoryUnreachable, "dropped the connection"),
        (lambda _: reply(200, bytes(300_000)), DirectoryUnreachable, "larger than"),
        (directory(b"<html>".decode()), InvalidDidDocument, "cannot be trusted"),
        (directory([]), InvalidDidDocument, "cannot be trusted"),
        (
            directory(make_document("did:plc:aaaaaaaaaaaaaaaaaaaaaaaa", HANDLE, PDS)),
            InvalidDidDocument,
            "trusted",
        ),
        (directory(log=[]), InvalidDidDocument, "cannot be trusted"),
        (directory(log=make_identity("bob.skypail.org", PDS).log), InvalidDidDocument, "cannot be trusted"),
    ],
)
def test_what_a_directory_may_do(answer: Answerer, kind: type[AgentError], words: str) -> None:
    with pytest.raises(AgentError, match=words) as error:
        resolve(ALICE.did, answer)
    assert type(error.value) is kind


def test_a_directory_that_is_down() -> None:
    async def main() -> None:
        async with serving(directory()) as host:
            url = host.url
        async with http_in(Time()) as http:
            await Resolver(http, plc_url=url).resolve(ALICE.did)

    with pytest.raises(DirectoryUnreachable, match="no connection could be made"):
        asyncio.run(main())


def test_a_tombstone_in_the_log_counts_though_the_document_is_served() -> None:
    made = make_identity(HANDLE, PDS, ended=True)
    with pytest.raises(DidTombstoned):
        resolve(made.did, directory(made.document, made.log))


def swapped_key() -> Any:
    document = make_document(ALICE.did, HANDLE, PDS)
    document["verificationMethod"][0]["publicKeyMultibase"] = (
        "zQ3shrhGj2U466kNVjJ4aNh7sddNwakKH5JtuUq91hFqyxxDS"
    )
    return document


@pytest.mark.parametrize(
    ("document", "field"),
    [
        (make_document(ALICE.did, HANDLE, "https://evil.skypail.org"), "host"),
        (make_document(ALICE.did, "mallory.skypail.org", PDS), "handle"),
        (swapped_key(), "signing key"),
    ],
)
def test_a_lying_directory_is_named(document: Any, field: str) -> None:
    with pytest.raises(LyingDirectory, match=f"localhost gives .* whose {field} differs"):
        resolve(ALICE.did, directory(document))


def test_a_change_between_the_two_requests_is_no_lie() -> None:
    answers = [
        make_document(ALICE.did, HANDLE, "https://old.skypail.org"),
        ALICE.log,
        ALICE.document,
        ALICE.log,
    ]
    identity, _ = resolve(ALICE.did, lambda _: reply(200, as_bytes(answers.pop(0))))
    assert identity.pds == PDS


def test_a_document_without_pds() -> None:
    made = make_identity(HANDLE, None)
    with pytest.raises(NoHost, match=r"names no PDS to fetch it from: it names no service"):
        resolve(made.did, directory(made.document, made.log))


@pytest.mark.parametrize(
    "pds",
    ["https://10.0.0.1", "http://pds.skypail.org", "https://127.1", "https://[fd00::1]", "https://pds:22"],
)
def test_a_pds_that_is_not_public(pds: str) -> None:
    made = make_identity(HANDLE, pds)
    with pytest.raises((HostRefused, NoHost)):
        resolve(made.did, directory(made.document, made.log))


def test_a_pds_on_a_private_address_is_one_clear_sentence() -> None:
    made = make_identity(HANDLE, "https://192.168.1.10")
    with pytest.raises(
        HostRefused, match=r"^refused to connect to '192\.168\.1\.10': the address is not public \(private\)$"
    ):
        resolve(made.did, directory(made.document, made.log))


def web_host(asked: Asked) -> bytes:
    assert asked.path == "/.well-known/did.json"
    did = f"did:web:{asked.headers['host'].replace(':', '%3A')}"
    return reply(200, as_bytes(make_document(did, HANDLE, PDS)))


def resolve_web(answer: Answerer) -> Identity:
    async def main() -> Identity:
        async with serving(answer) as host, http_in(Time()) as http:
            resolver = Resolver(http, plc_url="https://plc.skypail.org", txt=no_txt)
            return await resolver.resolve(f"did:web:localhost%3A{host.port}")

    async def no_txt(_: str) -> Sequence[str]:
        return ["did=did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"]

    return asyncio.run(main())


def test_a_did_web() -> None:
    identity = resolve_web(web_host)
    assert (identity.pds, identity.plc_log, identity.handle) == (PDS, None, None)


def test_a_did_web_that_is_not_there() -> None:
    with pytest.raises(DidNotFound, match="host localhost does not know"):
        resolve_web(answering(404))


def test_a_did_web_of_another() -> None:
    with pytest.raises(InvalidDidDocument):
        resolve_web(lambda _: reply(200, as_bytes(ALICE.document)))


def test_a_did_web_whose_host_is_dead() -> None:
    with pytest.raises(HostUnreachable, match=r"host gone\.skypail\.org cannot be reached"):
        resolve("did:web:gone.skypail.org")


@pytest.mark.parametrize("did", ["did:web:10.0.0.1", "did:web:127.1", "did:web:router.localhost"])
def test_a_did_web_that_is_not_public(did: str) -> None:
    with pytest.raises((HostRefused, HostUnreachable)):
        resolve(did)


def test_a_did_web_has_no_port() -> None:
    with pytest.raises(InvalidAccount):
        resolve("did:web:pds.skypail.org%3A8443")
