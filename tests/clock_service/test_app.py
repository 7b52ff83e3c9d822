"""The service over HTTP, as clients see it."""

import asyncio
import base64
import json
from pathlib import Path

import pytest

from clock_service import ClockService, Guard, Policy, Provision
from clock_service.app import ClockApp
from pail import CID, RAW, cid_of
from tests.clock_service.calls import (
    AGENT,
    HEADERS,
    SERVICE,
    SPACE,
    SPACE_KEY,
    STRANGER,
    Caller,
    advance,
    give,
    head,
)
from tests.clock_service.client import caller, error_of
from ucan import NamedSigner, Signer, decode_message, encode_request

VECTORS = Path(__file__).parents[2] / "spec" / "vectors" / "js" / "http.public.json"
RECORDED = json.loads(VECTORS.read_text())
ADDER = {"keys": "mine/", "ops": ["put"]}


@pytest.fixture
def url(tmp_path: Path) -> str:
    """SQLite is enough: what differs between databases is tested elsewhere."""
    return f"sqlite:///{tmp_path}/clock.db"


def test_recorded_exchanges_with_the_original_are_answered_to_the_byte(store) -> None:
    issuer = NamedSigner(
        RECORDED["service_did"], Signer.from_seed(bytes.fromhex(RECORDED["service_seed_hex"]))
    )
    clocks = ClockService(store, Policy(Provision.OPEN, guard=Guard.OFF))
    client = Caller(ClockApp(clocks, issuer, now=lambda: RECORDED["now"]))
    assert len(RECORDED["exchanges"]) > 6
    for exchange in RECORDED["exchanges"]:
        request, wanted = exchange["request"], exchange["response"]
        body = base64.b64decode(request["body"])
        response = client.request("POST", headers=request["headers"], content=body)
        assert response.status_code == wanted["status"], exchange["id"]
        assert response.headers["content-type"] == wanted["headers"]["content-type"]
        assert response.content == base64.b64decode(wanted["body"]), exchange["id"]


def test_a_space_advances_and_reads_its_clock(store, author) -> None:
    client = caller(store)
    event = author.put((), "a").head[0]
    assert client.out(head()) == {"ok": {"head": []}}
    assert client.out(advance(event, author.all())) == {"ok": {"head": [event]}}
    assert client.out(head(nonce="again")) == {"ok": {"head": [event]}}


def test_a_stranger_neither_advances_nor_reads(store, author) -> None:
    client = caller(store)
    event = author.put((), "a").head[0]
    assert error_of(client.out(advance(event, author.all(), issuer=STRANGER))) == "Unauthorized"
    assert error_of(client.out(head(STRANGER))) == "Unauthorized"
    assert client.out(head()) == {"ok": {"head": []}}


def test_an_agent_that_may_add_adds_and_does_nothing_else(store, author) -> None:
    client = caller(store)
    proof = give(SPACE_KEY, AGENT, "clock/advance", ADDER)

    def try_it(event: CID, **caveats):
        return client.out(advance(event, author.all(), issuer=AGENT, proofs=[proof], **caveats))

    first = author.put((), "mine/a").head
    assert try_it(first[0], **ADDER) == {"ok": {"head": [*first]}}
    assert error_of(try_it(author.delete(first, "mine/a").head[0], **ADDER)) == "DeleteRefused"
    assert error_of(try_it(author.put(first, "mine/a", "other").head[0], **ADDER)) == "RewriteRefused"
    assert error_of(try_it(author.put(first, "theirs/a").head[0], **ADDER)) == "ElsewhereRefused"
    assert error_of(try_it(author.put((), "mine/a", "other").head[0], **ADDER)) == "HeadMoved"
    second = author.put(first, "mine/b").head[0]
    for widened in (
        {},
        {"keys": "mine/"},
        {"ops": ["put"]},
        {**ADDER, "keys": ""},
        {**ADDER, "ops": ["put", "del"]},
    ):
        assert error_of(try_it(second, **widened)) == "Unauthorized"
    assert client.out(head()) == {"ok": {"head": [*first]}}
    assert try_it(second, keys="mine/b", ops=["put"]) == {"ok": {"head": [second]}}


def test_missing_ancestors_are_named_in_the_receipt(store, author) -> None:
    events = author.chain(3)
    error = caller(store).out(advance(events[2], author.only(events[2])))["error"]
    assert (error["name"], error["missing"]) == ("MissingAncestors", [events[1]])


def test_blocks_of_the_message_that_the_invocation_did_not_attach_are_not_taken(store, author) -> None:
    first, second = author.chain(2)
    client = caller(store)
    bare, full = advance(second, author.only(second)), advance(first, author.only(first), issuer=STRANGER)
    outs = [receipt.out for receipt in client.execute(bare, full)]
    assert [error_of(out) for out in outs] == ["MissingAncestors", "Unauthorized"]


def test_too_much_to_replay_is_503_and_says_when_to_come_again(store, author, monkeypatch) -> None:
    monkeypatch.setattr("clock_service.turns.MAX_WAITING", 0)
    sides = (*author.put((), "a").head, *author.put((), "b").head)
    merge = author.put(tuple(sorted(sides)), "merged").head[0]
    body = encode_request([advance(merge, author.all())])
    response = caller(store).request("POST", headers=HEADERS, content=body)
    assert (response.status_code, response.headers["retry-after"]) == (503, "5")
    assert "nothing was taken" in response.text
    assert asyncio.run(store.known(SPACE)).clock.head == ()


def test_a_receipt_can_be_fetched_by_its_task(store, author) -> None:
    client = caller(store)
    event = author.put((), "a").head[0]
    invocation = advance(event, author.all())
    (receipt,) = client.execute(invocation)
    response = client.request("GET", f"/receipt/{invocation.cid}")
    assert response.headers["content-type"] == HEADERS["content-type"]
    kept = decode_message(response.content).receipt(invocation.cid)
    assert kept is not None
    assert (kept.cid, kept.out) == (receipt.cid, receipt.out)


def test_receipts_that_are_not_kept_are_not_found(store) -> None:
    client = caller(store)
    asked = head()
    client.execute(asked)
    for task in (asked.cid, cid_of(RAW, b"other")):
        assert client.request("GET", f"/receipt/{task}").status_code == 404
    assert client.request("GET", "/receipt/none").status_code == 400


def test_the_service_tells_its_key_its_health_and_its_counters(store) -> None:
    client = caller(store)
    client.out(head())
    document = client.request("GET", "/.well-known/did.json").json()
    assert document["id"] == SERVICE.did
    assert document["verificationMethod"][0]["publicKeyMultibase"] in SERVICE.did
    assert client.request("GET", "/health").json()["status"] == "ok"
    metrics = client.request("GET", "/metrics")
    assert "\nskypail_clock_heads_total 1\n" in metrics.text
    assert 'skypail_clock_responses_total{status="200"} 2' in metrics.text


def test_a_store_that_does_not_answer_is_503_and_acknowledges_nothing(store, author) -> None:
    client = caller(store)
    store.close()
    event = author.put((), "a").head[0]
    response = client.request("POST", headers=HEADERS, content=encode(advance(event, author.all())))
    assert response.status_code == 503
    assert response.headers["retry-after"] == "1"
    assert client.request("GET", "/health").status_code == 503


def encode(*invocations) -> bytes:
    return encode_request(invocations)


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({**HEADERS, "content-type": "application/json"}, b"{}", 415),
        ({**HEADERS, "accept": "text/html"}, b"", 406),
        (HEADERS, b"", 400),
        (HEADERS, b"\x0a" * 1000, 400),
        (HEADERS, encode(head())[:-1], 400),
        (HEADERS, bytes(17 << 20), 413),
    ],
)
def test_what_is_no_message_gets_its_status(store, headers, body: bytes, status: int) -> None:
    assert caller(store).request("POST", headers=headers, content=body).status_code == status


def test_a_block_that_does_not_hash_to_its_cid_ends_the_message(store, author) -> None:
    """The original looks at such blocks: a forged delegation under a true one's CID takes the account."""
    event = author.put((), "a").head[0]
    body = encode(advance(event, author.only(event)))
    assert body.count(author[event]) == 1
    forged = body.replace(author[event], author[event][:-1] + bytes([author[event][-1] ^ 1]))
    response = caller(store).request("POST", headers=HEADERS, content=forged)
    assert response.status_code == 400
