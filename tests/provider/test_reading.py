"""Who may read blobs, and what they get."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from pail import CID
from provider.accounts import kept
from provider.delegation_rows import MAX_OF_SPACE
from provider.digest import name_of
from tests.clock_service.calls import AGENT, FAR
from tests.provider.made import (
    NOW,
    OTHER,
    OTHER_KEY,
    SERVICE,
    SPACE,
    SPACE_KEY,
    Provider,
    digest_of,
    give,
    invoke,
    retrieve,
    token,
)
from ucan import Capability, delegate

DATA = bytes(range(200))
DIGEST = digest_of(DATA)
BLOB = {"blob": {"digest": DIGEST}}


@pytest.fixture(autouse=True)
def _uploaded(provider: Provider) -> None:
    provider.upload(DATA)


def test_a_token_of_the_space_reads_its_blobs(provider: Provider) -> None:
    answer = provider.get(DIGEST, headers=retrieve())
    assert (answer.status_code, answer.content) == (200, DATA)
    assert answer.headers["etag"] == f'"{name_of(DIGEST)}"'
    assert answer.headers["cache-control"].startswith("private")


def test_a_blob_goes_by_any_cid_and_by_its_multihash(provider: Provider) -> None:
    names = [str(CID(prefix + DIGEST)) for prefix in (b"\x01\x55", b"\x01\x71", b"\x01\x82\x04")]
    for name in [*names, f"z{CID(DIGEST)}"]:
        assert provider.request("GET", f"/blob/{name}", headers=retrieve()).content == DATA


@pytest.mark.parametrize("name", ["x", "bafy", "%2e%2e%2fkey", "z" * 200, "QmäQ", "blobs%2fab"])
def test_what_names_no_blob_is_a_bad_request(provider: Provider, name: str) -> None:
    answer = provider.request("GET", f"/blob/{name}", headers=retrieve())
    assert answer.status_code in (400, 404)
    assert b"root" not in answer.content


@pytest.mark.parametrize(
    ("header", "start", "end"),
    [("bytes=0-0", 0, 1), ("bytes=10-19", 10, 20), ("bytes=190-", 190, 200), ("bytes=-5", 195, 200),
     ("bytes=150-999", 150, 200), ("bytes=0-199", 0, 200)],
)  # fmt: skip
def test_a_range_is_those_bytes(provider: Provider, header: str, start: int, end: int) -> None:
    answer = provider.get(DIGEST, headers=retrieve() | {"range": header})
    assert answer.content == DATA[start:end]
    if end - start < 200:
        assert answer.status_code == 206
        assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/200"


@pytest.mark.parametrize("header", ["bytes=5-2", "bytes=0-1,4-5", "lines=1-2", "bytes=", "bytes=x-"])
def test_a_range_that_is_none_is_passed_over(provider: Provider, header: str) -> None:
    answer = provider.get(DIGEST, headers=retrieve() | {"range": header})
    assert (answer.status_code, answer.content) == (200, DATA)


@pytest.mark.parametrize("form", ["*", "W/{}", '"x", {}', "{}"])
def test_what_is_known_is_not_sent_again_however_that_is_said(provider: Provider, form: str) -> None:
    etag = provider.get(DIGEST, headers=retrieve()).headers["etag"]
    known = {"if-none-match": form.format(etag)}
    assert provider.get(DIGEST, headers=retrieve() | known).status_code == 304
    assert provider.get(DIGEST, headers=retrieve() | {"if-none-match": '"x"'}).status_code == 200


def test_a_range_of_huge_numbers_is_behind_the_end(provider: Provider) -> None:
    headers = retrieve() | {"range": "bytes=99999999999999999999-"}
    assert provider.get(DIGEST, headers=headers).status_code == 416


def test_a_range_behind_the_end_is_refused(provider: Provider) -> None:
    answer = provider.get(DIGEST, headers=retrieve() | {"range": "bytes=200-"})
    assert (answer.status_code, answer.headers["content-range"]) == (416, "bytes */200")


def test_head_tells_the_size_and_what_is_known_is_not_sent_again(provider: Provider) -> None:
    head = provider.request("HEAD", f"/blob/{name_of(DIGEST)}", headers=retrieve())
    assert (head.status_code, head.headers["content-length"], head.content) == (200, "200", b"")
    known = {"if-none-match": head.headers["etag"]}
    assert provider.get(DIGEST, headers=retrieve() | known).status_code == 304


def test_nothing_is_shown_to_who_shows_nothing(provider: Provider) -> None:
    for digest in (DIGEST, digest_of(b"never seen")):
        answer = provider.get(digest)
        assert (answer.status_code, answer.json()["name"]) == (401, "Unauthorized")
        assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer u", "Bearer uAAAA", "Basic abc", "Bearer mAAAA", "Bearer uä"]
)
def test_what_is_no_token_is_a_bad_request(provider: Provider, header: str) -> None:
    answer = provider.get(DIGEST, headers={"authorization": header.encode()})
    assert (answer.status_code, answer.json()["name"]) == (400, "BadRequest")


def test_a_token_of_one_space_opens_no_other(provider: Provider) -> None:
    provider.host(OTHER)
    answer = provider.get(DIGEST, headers=retrieve(issuer=OTHER_KEY, resource=OTHER))
    assert (answer.status_code, answer.json()["name"]) == (404, "BlobNotFound")
    answer = provider.get(DIGEST, headers=retrieve(issuer=OTHER_KEY, resource=SPACE))
    assert answer.status_code == 401


def test_a_delegation_lets_its_holder_read_until_it_is_revoked(provider: Provider) -> None:
    proof = give("space/content/*")
    header = retrieve(issuer=AGENT, proofs=(proof,))
    assert provider.get(DIGEST, headers=header).content == DATA
    facts = [{"ucan": proof.cid}]
    attached = list(proof.export())
    revoked = provider.out("ucan/revoke", {"ucan": proof.cid}, facts=facts, attached=attached)
    assert "time" in revoked
    answer = provider.get(DIGEST, headers=header)
    assert (answer.status_code, answer.json()["causes"][-1]) == (401, "Revoked")


@pytest.mark.parametrize(
    ("made", "cause"),
    [
        (lambda: invoke("space/content/retrieve", expires_at_unix=NOW), "Expired"),
        (lambda: invoke("space/content/retrieve", issuer=AGENT), "MissingProof"),
        (
            lambda: invoke("space/content/retrieve", issuer=AGENT, proofs=(give("space/blob/*"),)),
            "UnknownCapability",
        ),
        (
            lambda: invoke(
                "space/content/retrieve", issuer=AGENT, proofs=(give("space/content/*", to=SPACE),)
            ),
            "InvalidAudience",
        ),
    ],
)
def test_a_token_that_does_not_hold_says_why(provider: Provider, made, cause: str) -> None:
    answer = provider.get(DIGEST, headers=token(made()))
    assert answer.status_code == 401
    assert cause in answer.json()["causes"]


def test_a_token_for_another_provider_is_refused(provider: Provider) -> None:
    elsewhere = delegate(
        OTHER_KEY,
        "did:web:elsewhere.test",
        [Capability("space/content/retrieve", OTHER)],
        expires_at_unix=FAR,
    )
    assert provider.get(DIGEST, headers=token(elsewhere)).json()["causes"] == ["InvalidAudience"]


def test_another_ability_is_no_token(provider: Provider) -> None:
    assert provider.get(DIGEST, headers=token(invoke("space/blob/list"))).status_code == 401
    serve = invoke("space/content/serve/transport/http")
    assert provider.get(DIGEST, headers=token(serve)).status_code == 401


def test_a_narrowed_token_reads_its_blob_and_its_bytes_alone(provider: Provider) -> None:
    other = provider.upload(b"another")
    narrow = give("space/content/retrieve", {**BLOB, "range": [10, 19]})
    wide = token(invoke("space/content/retrieve", BLOB, issuer=AGENT, proofs=(narrow,)))
    assert "EscalatedCapability" in provider.get(DIGEST, headers=wide).json()["causes"]
    header = token(
        invoke("space/content/retrieve", {**BLOB, "range": [10, 19]}, issuer=AGENT, proofs=(narrow,))
    )
    assert provider.get(DIGEST, headers=header | {"range": "bytes=12-19"}).content == DATA[12:20]
    assert provider.get(DIGEST, headers=header | {"range": "bytes=12-20"}).status_code == 401
    assert provider.get(DIGEST, headers=header).status_code == 401
    assert provider.get(other, headers=header).status_code == 404


def public(provider: Provider, **more) -> None:
    serve = give("space/content/serve/*", to=SERVICE.did, **more)
    assert provider.out("access/delegate", {"delegations": {"x": serve.cid}}, proofs=(serve,)) == {}


def test_a_public_space_is_read_by_all_until_that_is_revoked(provider: Provider) -> None:
    public(provider)
    answer = provider.get(DIGEST)
    assert (answer.status_code, answer.content) == (200, DATA)
    assert answer.headers["cache-control"].startswith("public")
    serve = give("space/content/serve/*", to=SERVICE.did)
    facts, attached = [{"ucan": serve.cid}], list(serve.export())
    provider.out("ucan/revoke", {"ucan": serve.cid}, facts=facts, attached=attached)
    assert provider.get(DIGEST).status_code == 401


def test_a_space_is_not_made_public_by_a_stranger_or_for_another(provider: Provider) -> None:
    provider.host(OTHER)
    forged = give("space/content/serve/*", to=SERVICE.did, issuer=OTHER_KEY)
    nb = {"delegations": {"x": forged.cid}}
    assert provider.out("access/delegate", nb, proofs=(forged,), issuer=OTHER_KEY, resource=OTHER) == {}
    assert provider.out("access/delegate", nb, proofs=(forged,)) == {}
    assert provider.get(DIGEST).status_code == 401


def test_who_asks_whether_a_space_is_public_has_few_delegations_looked_at(provider: Provider) -> None:
    digest = provider.upload(DATA)
    serve = [Capability("space/content/serve/*", SPACE)]
    expired = [
        delegate(SPACE_KEY, SERVICE.did, serve, expires_at_unix=NOW - 9, nonce=str(number))
        for number in range(100)
    ]
    asyncio.run(provider.store.keep_delegations([kept(each) for each in expired], SPACE))
    assert len(asyncio.run(provider.store.delegations_of(SPACE, SERVICE.did))) == MAX_OF_SPACE
    assert provider.get(digest).status_code == 401


def test_a_space_is_public_no_longer_than_it_was_said(provider: Provider) -> None:
    public(provider, expires_at_unix=NOW)
    assert provider.get(DIGEST).status_code == 401


@pytest.mark.parametrize("change", ["cut", "flipped", "gone"])
def test_what_was_damaged_in_the_store_is_never_given_whole(
    provider: Provider, change: str, tmp_path: Path
) -> None:
    (stored,) = [each for each in (tmp_path / "store").rglob("*") if each.is_file()]
    if change == "gone":
        stored.unlink()
    else:
        stored.write_bytes(DATA[:-1] if change == "cut" else b"\xff" + DATA[1:])
    answer = provider.get(DIGEST, headers=retrieve())
    assert (answer.status_code, answer.json()["name"]) == (502, "BlobDamaged")
    if change != "flipped":
        assert provider.get(DIGEST, headers=retrieve() | {"range": "bytes=190-"}).status_code == 502
