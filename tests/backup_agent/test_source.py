"""What a host serves of an account to anybody, and every way in which it may not."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing

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
from backup_agent.source import Source
from pail import CID, RAW, cid_of
from tests.backup_agent.net.host import Asked, Time, reply, told
from tests.backup_agent.source_host import COMMIT, DID, HEAD, REV, latest, refused, visit, whole

BLOB = cid_of(RAW, b"blob")
CIDS = sorted(str(cid_of(RAW, bytes([n]))) for n in range(7))


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
