"""What a host serves of an account, and every way in which it may not."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import TypeVar

import pytest

from backup_agent.errors import (
    AccountDeactivated,
    AccountNotFound,
    AccountSuspended,
    AccountTakendown,
    AgentError,
    BlobNotFound,
    HostError,
    HostUnreachable,
    RateLimited,
    ResponseTooLarge,
    TokenRefused,
)
from backup_agent.secret import Secret
from backup_agent.source import LatestCommit, Source
from pail import CID, RAW, cid_of, encode_block, parse_cid
from pail.car import encode_car
from tests.backup_agent.net.host import Answerer, Asked, Host, Time, http_in, reply, serving, told

T = TypeVar("T")

DID = "did:plc:v2zcsbmbhlh2frrbpukqemn6"
COMMIT = parse_cid("bafyreibyxyo7gpjhbrjetysn7q7niinqaez42qw62vlqkfgvecmbfscqje")
REV = "3n2rgos5zvk2i"
BLOB = cid_of(RAW, b"blob")
HEAD = {"cid": str(COMMIT), "rev": REV}


class Owner:
    """An Auth whose tokens are numbered."""

    def __init__(self) -> None:
        self.number = 1

    async def token(self, *, refused: Secret | None = None) -> Secret:
        if refused == Secret(f"token-{self.number}"):
            self.number += 1
        return Secret(f"token-{self.number}")


def visit(
    answer: Answerer,
    ask: Callable[[Source], Awaitable[T]],
    *,
    auth: Owner | None = None,
    time: Time | None = None,
) -> tuple[T, Host]:
    async def main() -> tuple[T, Host]:
        async with serving(answer) as host, http_in(time or Time()) as http:
            return await ask(Source(http, host.url, auth=auth)), host

    return asyncio.run(main())


async def whole(chunks: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in chunks])


def latest(source: Source) -> Awaitable[LatestCommit]:
    return source.latest_commit(DID)


def refused(name: str, message: str = "", status: int = 400) -> bytes:
    return told({"error": name, "message": message}, status)


def test_the_latest_commit_is_one_request() -> None:
    commit, host = visit(lambda _: told(HEAD), latest)
    assert commit == (COMMIT, REV)
    assert [(asked.path, asked.params) for asked in host.asked] == [
        ("/xrpc/com.atproto.sync.getLatestCommit", {"did": DID})
    ]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"<html>",
        b"\xff\xfe",
        b"{}",
        b'{"cid": 1, "rev": 2}',
        b'{"cid": "x", "rev": "3n2rgos5zvk2i"}',
        json.dumps({"cid": str(COMMIT), "rev": "../../x"}).encode(),
        json.dumps({"cid": str(COMMIT), "rev": "x" * 1000}).encode(),
        b"[" * 100_000,
        b'{"cid": ' + b"9" * 100_000 + b"}",
    ],
)
def test_an_answer_that_makes_no_sense(body: bytes) -> None:
    with pytest.raises(HostError):
        visit(lambda _: reply(200, body), latest)


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (refused("RepoNotFound", "Could not find repo"), AccountNotFound, "not known"),
        (refused("InvalidRequest", "Could not find repo for DID: x"), AccountNotFound, "not known"),
        (refused("RepoDeactivated"), AccountDeactivated, "deactivated"),
        (refused("AccountDeactivated"), AccountDeactivated, "deactivated"),
        (refused("RepoTakendown"), AccountTakendown, "taken down"),
        (refused("AccountTakedown", status=401), AccountTakendown, "taken down"),
        (refused("RepoSuspended"), AccountSuspended, "suspended"),
        (refused("InvalidRequest", "no"), HostError, "InvalidRequest"),
        (refused("AuthMissing", status=401), TokenRefused, "401"),
        (reply(404, b"<html>not here</html>"), HostError, "404"),
        (reply(302), HostError, "302"),
        (reply(418, b"{" * 70_000), HostError, "418"),
        (reply(400, b'{"error": ["RepoNotFound"], "message": {}}'), HostError, "400"),
        (reply(500, b"boom"), HostError, "500"),
        (reply(429), RateLimited, "too many requests"),
    ],
)
def test_refusals_of_documents_and_streams(answer: bytes, kind: type[AgentError], words: str) -> None:
    asks: list[Callable[[Source], Awaitable[object]]] = [latest, lambda source: whole(source.repo(DID))]
    for ask in asks:
        with pytest.raises(AgentError, match=words) as error:
            visit(lambda _: answer, ask)
        assert type(error.value) is kind
        assert "\n" not in str(error.value)


def test_an_endless_error_is_cut() -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield b"HTTP/1.1 400 Bad\r\n\r\n"
        while True:
            yield b"x" * 65536

    with pytest.raises(HostError, match="400"):
        visit(lambda _: endless(), lambda source: whole(source.repo(DID)))


def test_words_of_the_host_are_made_safe_to_print() -> None:
    with pytest.raises(HostError) as error:
        visit(lambda _: refused("Bad\x1b[31m", "a\nb\r" + "x" * 1000), latest)
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 400


def test_a_repository_is_streamed() -> None:
    chunks, host = visit(lambda _: reply(200, b"car" * 100_000), lambda source: whole(source.repo(DID)))
    assert chunks == b"car" * 100_000
    assert (host.paths, host.asked[0].params) == (["/xrpc/com.atproto.sync.getRepo"], {"did": DID})


def test_only_what_changed_since() -> None:
    _, host = visit(lambda _: reply(200, b"car"), lambda source: whole(source.repo(DID, since=REV)))
    assert host.asked[0].params == {"did": DID, "since": REV}


def test_a_repository_larger_than_the_limit() -> None:
    with pytest.raises(ResponseTooLarge):
        visit(lambda _: reply(200, bytes(101)), lambda source: whole(source.repo(DID, limit_bytes=100)))


def test_a_stream_is_one_attempt_and_its_consumer_starts_over() -> None:
    answers = [
        reply(200, b"half", length=9),
        reply(503),
        reply(429, retry_after="7"),
        reply(200, b"whole car"),
    ]
    time = Time()
    body, host = visit(
        lambda _: answers.pop(0), lambda source: source.retry.run(lambda: whole(source.repo(DID))), time=time
    )
    assert (body, len(host.asked)) == (b"whole car", 4)
    assert time.slept == [0.5, 1.0, 9.0]


def test_a_repository_dropped_in_the_middle() -> None:
    with pytest.raises(HostUnreachable, match="dropped"):
        visit(lambda _: reply(200, b"half", length=9), lambda source: whole(source.repo(DID)))


def test_leaving_early_frees_the_connection() -> None:
    async def first(source: Source) -> bytes:
        async with aclosing(source.repo(DID)) as chunks:
            return await anext(chunks)

    chunk, _ = visit(lambda _: reply(200, b"car", length=10_000), first)
    assert chunk == b"car"


def test_a_blob() -> None:
    body, host = visit(lambda _: reply(200, b"blob"), lambda source: whole(source.blob(DID, BLOB)))
    assert body == b"blob"
    assert host.asked[0].params == {"did": DID, "cid": str(BLOB)}


@pytest.mark.parametrize(
    "answer", [refused("InvalidRequest", "Blob not found"), refused("BlobNotFound", "no")]
)
def test_a_blob_that_is_not_there(answer: bytes) -> None:
    with pytest.raises(BlobNotFound, match="does not have the blob") as error:
        visit(lambda _: answer, lambda source: whole(source.blob(DID, BLOB)))
    assert not error.value.transient
    assert error.value.cid == str(BLOB)


def test_a_blob_larger_than_the_limit() -> None:
    with pytest.raises(ResponseTooLarge):
        visit(lambda _: reply(200, bytes(9)), lambda source: whole(source.blob(DID, BLOB, limit_bytes=8)))


CIDS = sorted(str(cid_of(RAW, bytes([n]))) for n in range(7))


def reference_pds(asked: Asked) -> bytes:
    """As the reference PDS pages: a cursor until a page is empty."""
    page = [cid for cid in CIDS if cid > asked.params.get("cursor", "")][:3]
    return told({"cids": page, "cursor": page[-1]} if page else {"cids": []})


async def listed(source: Source) -> list[str]:
    return [str(cid) async for cid in source.blobs(DID)]


def test_blobs_are_listed_until_a_page_is_empty() -> None:
    cids, host = visit(reference_pds, listed)
    assert cids == CIDS
    assert len(host.asked) == 4


def test_only_blobs_since() -> None:
    async def listed_since(source: Source) -> list[CID]:
        return [cid async for cid in source.blobs(DID, since=REV)]

    _, host = visit(reference_pds, listed_since)
    assert {asked.params["since"] for asked in host.asked} == {REV}


def test_a_page_without_cursor_is_the_last() -> None:
    cids, host = visit(lambda _: told({"cids": CIDS}), listed)
    assert (cids, len(host.asked)) == (CIDS, 1)


@pytest.mark.parametrize(
    "page",
    [
        {"cids": CIDS, "cursor": "same"},
        {"cids": CIDS, "cursor": 7},
        {"cids": CIDS, "cursor": "x" * 5000},
        {"cids": ["nonsense"]},
        {"cids": [7]},
        {"cids": {"a": "b"}},
        {},
    ],
)
def test_a_list_that_leads_nowhere(page: object) -> None:
    with pytest.raises(HostError):
        visit(lambda _: told(page), listed)


def test_a_list_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backup_agent.source.MAX_BLOB_PAGES", 5)
    cursors = iter(range(1000))
    with pytest.raises(HostError, match="more than 5 pages"):
        visit(lambda _: told({"cids": CIDS, "cursor": str(next(cursors))}), listed)


def owner_only(asked: Asked) -> bytes:
    """A deactivated account: the owner's second token reads, the first has expired."""
    match asked.headers.get("authorization"):
        case None:
            return refused("RepoDeactivated")
        case "Bearer token-1":
            return refused("ExpiredToken", "Token has expired")
        case _:
            return told(HEAD)


def test_a_deactivated_account_is_read_with_its_owners_token() -> None:
    async def twice(source: Source) -> LatestCommit:
        await whole(source.repo(DID))
        return await source.latest_commit(DID)

    commit, host = visit(owner_only, twice, auth=Owner())
    assert commit == (COMMIT, REV)
    tokens = [asked.headers.get("authorization", "").removeprefix("Bearer ") for asked in host.asked]
    assert tokens == ["", "token-1", "token-2", "token-2"]


def test_a_public_account_is_read_without_a_token() -> None:
    _, host = visit(lambda _: told(HEAD), latest, auth=Owner())
    assert "authorization" not in host.asked[0].headers


def test_a_token_that_the_host_never_takes_is_refreshed_once() -> None:
    def never(asked: Asked) -> bytes:
        return refused("ExpiredToken" if "authorization" in asked.headers else "RepoTakendown")

    with pytest.raises(TokenRefused) as error:
        visit(never, latest, auth=Owner())
    assert "token-" not in str(error.value)


def taken_down(car: bytes) -> Answerer:
    """As the reference PDS: the owner's token reads the repository, and not getLatestCommit."""

    def answer(asked: Asked) -> bytes:
        if "authorization" not in asked.headers:
            return refused("RepoTakendown")
        return (
            reply(200, car) if asked.path.endswith("getRepo") else refused("InvalidToken", "Bad token scope")
        )

    return answer


HEAD_BLOCK = encode_block(
    {"did": DID, "version": 3, "data": COMMIT, "rev": REV, "prev": None, "sig": bytes(64)}
)
OTHER_BLOCK = encode_block({"x": 1})


def test_the_latest_commit_of_an_account_taken_down_is_read_from_its_repository() -> None:
    car = encode_car([HEAD_BLOCK.cid], [OTHER_BLOCK, HEAD_BLOCK])
    commit, _ = visit(taken_down(car), latest, auth=Owner())
    assert commit == (HEAD_BLOCK.cid, REV)


@pytest.mark.parametrize(
    "car",
    [
        b"",
        b"<html>",
        encode_car([], [HEAD_BLOCK]),
        encode_car([HEAD_BLOCK.cid], [OTHER_BLOCK]),
        encode_car([OTHER_BLOCK.cid], [OTHER_BLOCK]),
        encode_car([HEAD_BLOCK.cid], [HEAD_BLOCK])[:-1] + b"!",
    ],
)
def test_a_repository_that_does_not_begin_with_a_commit(car: bytes) -> None:
    with pytest.raises(HostError, match="does not begin with a commit"):
        visit(taken_down(car), latest, auth=Owner())


def test_a_commit_is_not_looked_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backup_agent.car_head.MAX_SCANNED_BYTES", 100)
    car = encode_car([HEAD_BLOCK.cid], [*[OTHER_BLOCK] * 10_000, HEAD_BLOCK])
    with pytest.raises(HostError, match="does not begin with a commit"):
        visit(taken_down(car), latest, auth=Owner())
