"""Handles: what a user may write, and the DID that a domain's owner names."""

import asyncio
from collections.abc import Sequence

import pytest

from backup_agent.errors import HostRefused, HostUnreachable
from backup_agent.handle import UNRESOLVABLE, look_up_handle, parse_account
from backup_agent.identity_errors import HandleConflict, HandleNotFound, InvalidAccount
from backup_agent.net import Answer, Request

HANDLE = "alice.skypail.org"
DID = "did:plc:v2zcsbmbhlh2frrbpukqemn6"
OTHER = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"


def look_up(
    texts: Sequence[str] | None,
    web: bytes | Exception | None = None,
    *,
    status: int = 200,
    handle: str = HANDLE,
) -> str:
    """texts: TXT records, None when DNS does not answer. web: the well-known document, or a fault."""

    async def txt(name: str) -> Sequence[str]:
        assert name == f"_atproto.{handle}"
        if texts is None:
            raise OSError
        return texts

    async def fetch(request: Request) -> Answer:
        assert request.url == f"https://{handle}/.well-known/atproto-did"
        assert web is not None, "the web host is not to be asked"
        if isinstance(web, Exception):
            raise web
        return Answer(handle, status, {}, web)

    return asyncio.run(look_up_handle(handle, txt=txt, fetch=fetch))


def test_dns_names_the_did() -> None:
    assert look_up([f"did={DID}"]) == DID


def test_other_records_do_not_matter() -> None:
    assert look_up(["v=spf1 -all", f"did={DID}", "did=nonsense", f"did={DID}"]) == DID


def test_dns_records_that_conflict() -> None:
    with pytest.raises(HandleConflict, match="several DIDs"):
        look_up([f"did={DID}", f"did={OTHER}"])


@pytest.mark.parametrize("texts", [[], ["did="], ["did=did:plc:"], None])
@pytest.mark.parametrize("web", [DID.encode(), f" {DID}\r\n".encode()])
def test_the_web_host_names_the_did_when_dns_does_not(texts: Sequence[str] | None, web: bytes) -> None:
    assert look_up(texts, web) == DID


@pytest.mark.parametrize(
    "web",
    [
        b"",
        b"<html>",
        b"\xff",
        f"{DID}\n{OTHER}".encode(),
        HostUnreachable("h", "dead"),
        HostRefused("h", "private"),
    ],
)
def test_nobody_names_a_did(web: bytes | Exception) -> None:
    with pytest.raises(HandleNotFound, match=f"unknown handle {HANDLE}"):
        look_up([], web)


def test_an_error_page_names_no_did() -> None:
    with pytest.raises(HandleNotFound):
        look_up([], DID.encode(), status=404)


@pytest.mark.parametrize("top", sorted(UNRESOLVABLE))
def test_names_that_nobody_owns_are_not_looked_up(top: str) -> None:
    with pytest.raises(HandleNotFound, match="nobody can look up"):
        look_up([f"did={DID}"], handle=f"alice.{top}")


@pytest.mark.parametrize(
    ("text", "account"),
    [
        (HANDLE, HANDLE),
        ("@Alice.Skypail.ORG", HANDLE),
        (f" {DID}\n", DID),
        ("did:web:alice.skypail.org", "did:web:alice.skypail.org"),
        ("did:web:localhost%3A2583", "did:web:localhost%3A2583"),
    ],
)
def test_what_a_user_may_write(text: str, account: str) -> None:
    assert parse_account(text) == account


@pytest.mark.parametrize(
    "text",
    [
        "",
        "@",
        "alice",
        "alice@skypail.org",
        "https://bsky.app/profile/alice",
        "did:plc:short",
        "did:plc:V2ZCSBMBHLH2FRRBPUKQEMN6",
        "did:plc:v2zcsbmbhlh2frrbpukqemn6/..",
        "did:key:zQ3shrhGj2U466kNVjJ4aNh7sddNwakKH5JtuUq91hFqyxxDS",
        "did:web:host:path",
        "did:web:host%2Fpath",
        "did:web:user%40host",
        "did:web:",
        "did:web:" + "a." * 2000 + "com",
        "a" * 300 + ".com",
    ],
)
def test_what_is_no_account(text: str) -> None:
    with pytest.raises(InvalidAccount, match="neither a handle nor"):
        parse_account(text)


@pytest.mark.parametrize("texts", [[], None])
def test_when_nobody_can_be_asked_the_question_is_whether_one_is_online(texts: Sequence[str] | None) -> None:
    with pytest.raises(HandleNotFound, match=r"are you online\?$"):
        look_up(texts, HostUnreachable("h", "dead"))
