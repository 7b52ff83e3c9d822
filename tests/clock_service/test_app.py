"""The service over HTTP, as clients see it."""

import asyncio
import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from clock_service import ClockService, Guard, Limits, Policy, Provision, Registration, Store, open_store
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
    signer,
)
from tests.clock_service.made import Author
from ucan import Capability, NamedSigner, Signer, decode_message, delegate, encode_request, view_delegation
from ucan.token import encode_ucan

VECTORS = Path(__file__).parents[2] / "spec" / "vectors" / "js" / "http.public.json"
RECORDED = json.loads(VECTORS.read_text())
ADDER = {"keys": "mine/", "ops": ["put"]}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = open_store(f"sqlite:///{tmp_path}/clock.db")
    yield store
    store.close()


@pytest.fixture
def author() -> Author:
    return Author()


def caller(store: Store, guard: Guard = Guard.WHEN_POSSIBLE, provision: Provision = Provision.OPEN) -> Caller:
    policy = Policy(provision, Limits(), guard)
    return Caller(ClockApp(ClockService(store, policy), SERVICE, now=lambda: 1_800_000_000))


def error_of(out) -> str:
    return out["error"]["name"]


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


def test_what_is_not_hosted_is_refused_by_name_and_stores_nothing(store, author) -> None:
    client = caller(store, provision=Provision.REGISTERED)
    event = author.put((), "a").head[0]
    assert error_of(client.out(advance(event, author.all()))) == "NotProvisioned"
    for can in ("clock/follow", "clock/unfollow"):
        assert error_of(client.out(follow(can, {}))) == "NotProvisioned"


def provide(issuer: Signer, *proofs, resource: str = SERVICE.did, provider: str = SERVICE.did):
    nb = {"provider": provider, "consumer": SPACE}
    capability = Capability("provider/add", resource, nb)
    return delegate(issuer, SERVICE.did, [capability], expires_at_unix=None, proofs=proofs)


def test_a_holder_of_the_operators_delegation_adds_a_space(store, author) -> None:
    client = caller(store, provision=Provision.REGISTERED)
    proof = give(SERVICE, AGENT, "provider/add", resource=SERVICE.did)
    assert error_of(client.out(provide(STRANGER))) == "Unauthorized"
    assert client.out(provide(AGENT, proof)) == {"ok": {}}
    event = author.put((), "a").head[0]
    assert client.out(advance(event, author.all())) == {"ok": {"head": [event]}}


@pytest.mark.parametrize(
    "stranger",
    [{}, {"resource": STRANGER.did}, {"resource": STRANGER.did, "provider": STRANGER.did}],
)
def test_nobody_adds_a_space_in_his_own_name(store, stranger) -> None:
    assert error_of(caller(store).out(provide(STRANGER, **stranger))) == "Unauthorized"
    assert asyncio.run(store.registrations()) == []


def test_provider_add_leaves_the_limits_that_the_operator_set(store) -> None:
    own = Registration(SPACE, Limits(1, 1), Guard.REQUIRE)
    asyncio.run(store.register(own))
    assert caller(store).out(provide(SERVICE)) == {"ok": {}}
    assert asyncio.run(store.registrations()) == [own]


def revoke(issuer: Signer, what, *, proofs=()):
    nb = {"ucan": what.cid, "proof": list(what.ucan.proofs)}
    capability = Capability("ucan/revoke", issuer.did, nb)
    return delegate(
        issuer, SERVICE.did, [capability], expires_at_unix=None, proofs=proofs, attached=list(what.export())
    )


def test_too_much_to_replay_is_503_and_says_when_to_come_again(store, author, monkeypatch) -> None:
    monkeypatch.setattr("clock_service.turns.MAX_WAITING", 0)
    sides = (*author.put((), "a").head, *author.put((), "b").head)
    merge = author.put(tuple(sorted(sides)), "merged").head[0]
    body = encode_request([advance(merge, author.all())])
    response = caller(store).request("POST", headers=HEADERS, content=body)
    assert (response.status_code, response.headers["retry-after"]) == (503, "5")
    assert "nothing was taken" in response.text
    assert asyncio.run(store.known(SPACE)).clock.head == ()


@pytest.mark.parametrize("revoker", [SPACE_KEY, AGENT])
def test_a_delegation_that_was_revoked_is_worth_nothing(store, revoker) -> None:
    client = caller(store)
    proof = give(SPACE_KEY, AGENT, "clock/head")
    assert "ok" in client.out(head(AGENT, proofs=[proof]))
    assert "time" in client.out(revoke(revoker, proof))["ok"]
    assert error_of(client.out(head(AGENT, proofs=[proof], nonce="again"))) == "Unauthorized"


def test_whoever_is_upstream_revokes_what_was_passed_on(store) -> None:
    client = caller(store)
    first = give(SPACE_KEY, AGENT, "clock/head")
    second = give(AGENT, signer(5), "clock/head", proofs=[first])
    assert "ok" in client.out(revoke(SPACE_KEY, second))
    assert error_of(client.out(head(signer(5), proofs=[second]))) == "Unauthorized"
    assert "ok" in client.out(head(AGENT, proofs=[first]))


def test_a_strangers_revocation_has_no_effect(store) -> None:
    client = caller(store)
    proof = give(SPACE_KEY, AGENT, "clock/head")
    assert error_of(client.out(revoke(STRANGER, proof))) == "UnauthorizedRevocation"
    assert "ok" in client.out(head(AGENT, proofs=[proof]))


@pytest.mark.parametrize("resource", [STRANGER.did, "ucan:*", "https://example.com/"])
def test_a_revocation_of_what_concerns_no_hosted_space_is_refused_and_not_stored(store, resource) -> None:
    asyncio.run(store.register(Registration(SPACE)))
    own = give(STRANGER, signer(5), "clock/head", resource=resource)
    assert (
        error_of(caller(store, provision=Provision.REGISTERED).out(revoke(STRANGER, own))) == "NotProvisioned"
    )
    assert asyncio.run(store.revocations([own.cid])) == frozenset()


@pytest.mark.parametrize("forge", ["own", "no proof", "stolen proof", "signature"])
def test_a_stranger_stores_no_revocation_by_naming_a_hosted_space(store, forge: str) -> None:
    asyncio.run(store.register(Registration(SPACE)))
    real = give(SPACE_KEY, AGENT, "clock/head")
    proofs = {"own": [give(STRANGER, STRANGER, "clock/head")], "stolen proof": [real]}.get(forge, [])
    made = give(STRANGER, signer(5), "clock/head", proofs=proofs)
    if forge == "signature":  # as if the space had given it to the stranger
        ucan = replace(real.ucan, audience=STRANGER.did)
        block = encode_ucan(ucan)
        made = view_delegation(block.cid, {block.cid: block.data})
    out = caller(store, provision=Provision.REGISTERED).out(revoke(STRANGER, made))
    assert error_of(out) == "NotProvisioned"
    assert asyncio.run(store.revocations([made.cid])) == frozenset()


@pytest.mark.parametrize("resource", [SPACE, "ucan:*", SERVICE.did])
def test_a_revocation_of_what_concerns_a_hosted_space_or_the_service_is_stored(store, resource) -> None:
    asyncio.run(store.register(Registration(SPACE)))
    issuer = SERVICE if resource == SERVICE.did else SPACE_KEY
    given = give(issuer, AGENT, "clock/head", resource=resource)
    passed_on = give(AGENT, signer(5), "clock/head", resource="ucan:*", proofs=[given])
    client = caller(store, provision=Provision.REGISTERED)
    for delegation in (given, passed_on):
        assert "ok" in client.out(revoke(issuer, delegation))
        assert [each.delegation for each in asyncio.run(store.revocations([delegation.cid]))] == [
            delegation.cid
        ]


def follow(can: str, nb=None):
    return delegate(SPACE_KEY, SERVICE.did, [Capability(can, SPACE, nb)], expires_at_unix=None)


def test_a_clock_follows_unfollows_and_tells_whom(store) -> None:
    client = caller(store)
    assert client.out(follow("clock/follow", {"iss": AGENT.did})) == {"ok": {}}
    assert client.out(follow("clock/following"))["ok"]["following"] == [{"iss": AGENT.did, "with": SPACE}]
    assert client.out(follow("clock/unfollow", {"iss": AGENT.did})) == {"ok": {}}
    assert client.out(follow("clock/following")) == {"ok": {"following": []}}


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
