"""Chains of proofs: what holds, and every way in which one does not, by the cause's name."""

from typing import Any

import pytest

from pail import parse_cid
from tests.ucan.people import (
    AGENT,
    BOB,
    MALLORY,
    NOW,
    SERVICE,
    SERVICE_DID,
    SPACE,
    WEB,
    grant,
    invoke,
    names,
    run,
)
from ucan import Delegation, Issuer, NamedSigner

ELSEWHERE = parse_cid("bafyreid67lound6wnx75np2aa4m7o5bnaq3hr4oenhfsajbvsx6rmg6vjy")


def chain(*links: Any, nb: Any = None) -> Delegation:
    """The space grants to the agent as `links[0]` says, the agent to Bob, and so on; the last invokes."""
    people: list[Issuer] = [SPACE, AGENT, BOB, MALLORY]
    proofs: list[Delegation] = []
    for number, options in enumerate(links):
        proofs = [grant(people[number], people[number + 1].did, **{"proofs": proofs, **options})]
    return invoke(people[len(links)], nb=nb, proofs=proofs)


@pytest.mark.parametrize(
    "invocation",
    [
        chain(),
        chain({}),
        chain({}, {}),
        chain({}, {}, {}),
        chain({"can": "*"}, {"can": "test/*"}, {}),
        chain({}, {"can": "*", "resource": "ucan:*"}),
        chain({"resource": "ucan:*"}, {}),
        chain({"expires_at_unix": None}),
        chain({"expires_at_unix": NOW + 1, "not_before_unix": NOW - 1}),
        chain({"nb": {"text": "a"}}, {}, nb={"text": "a", "number": 1}),
        chain({"nb": {"text": "a"}}, {"nb": {"number": 1}}, nb={"text": "a", "number": 1}),
        invoke(WEB, resource=WEB.did),
        invoke(SERVICE, resource=SERVICE_DID),
    ],
)
def test_holds(invocation: Delegation) -> None:
    assert names(run(invocation)) == []


@pytest.mark.parametrize(
    ("invocation", "cause"),
    [
        (invoke(AGENT), "NotIssuer"),
        (invoke(AGENT, expires_at_unix=NOW), "Expired"),
        (invoke(SPACE, expires_at_unix=NOW - 1), "Expired"),
        (invoke(SPACE, not_before_unix=NOW), "NotValidBefore"),
        (chain({"expires_at_unix": NOW}), "Expired"),
        (chain({"expires_at_unix": NOW}, {}), "Expired"),
        (chain({}, {"not_before_unix": NOW}), "NotValidBefore"),
        (chain({"can": "test/read"}), "UnknownCapability"),
        (chain({"can": "test/read"}, {"can": "test/*"}), "UnknownCapability"),
        (chain({"can": "tes/*"}), "UnknownCapability"),
        (chain({"can": "test/ech"}), "UnknownCapability"),
        (chain({"resource": MALLORY.did}), "EscalatedCapability"),
        (chain({"resource": SPACE.did[:-1] + "*"}), "NotIssuer"),
        (chain({"nb": {"text": "a"}}, nb={"text": "b"}), "EscalatedCapability"),
        (chain({"nb": {"text": "a"}}), "EscalatedCapability"),
        (chain({"nb": {"text": "a"}}, {"nb": {"text": "b"}}, nb={"text": "b"}), "EscalatedCapability"),
        (chain({"nb": {"text": 1}}), "MalformedCapability"),
        (chain({"nb": {"unheard": 1}}), "MalformedCapability"),
        (chain(nb={"unheard": 1}), "MalformedCapability"),
        (chain(nb={"number": True}), "MalformedCapability"),
        (chain({"proofs": []}, {"proofs": [ELSEWHERE]}), "UnavailableProof"),
        (invoke(SPACE, resource="https://example.com/"), "MalformedCapability"),
        (invoke(BOB, proofs=[grant(SPACE, AGENT.did)]), "InvalidAudience"),
        (invoke(BOB, proofs=[grant(MALLORY, BOB.did)]), "NotIssuer"),
        (invoke(NamedSigner(SPACE.did, MALLORY)), "InvalidSignature"),
        (invoke(BOB, proofs=[grant(NamedSigner(SPACE.did, MALLORY), BOB.did)]), "InvalidSignature"),
        (invoke(NamedSigner(WEB.did, MALLORY), resource=WEB.did), "InvalidSignature"),
        (invoke(NamedSigner(SERVICE_DID, MALLORY), resource=SERVICE_DID), "InvalidSignature"),
        (invoke(NamedSigner("did:web:nobody.example", BOB)), "DIDKeyResolutionError"),
    ],
)
def test_does_not_hold(invocation: Delegation, cause: str) -> None:
    assert names(run(invocation))[0] == "Unauthorized"
    assert cause in names(run(invocation))


@pytest.mark.parametrize(
    ("invocation", "name"),
    [
        (grant(SPACE, BOB.did), "InvalidAudience"),
        (grant(SPACE, SERVICE.signer.did), "InvalidAudience"),
        (invoke(SPACE, "test/none"), "HandlerNotFound"),
        (invoke(SPACE, "test/*"), "HandlerNotFound"),
        (invoke(SPACE, "*"), "HandlerNotFound"),
    ],
)
def test_is_not_for_this_service(invocation: Delegation, name: str) -> None:
    assert names(run(invocation)) == [name]


def test_one_good_proof_among_bad_ones_is_enough() -> None:
    bad = [grant(MALLORY, BOB.did), grant(SPACE, BOB.did, expires_at_unix=NOW), ELSEWHERE]
    assert names(run(invoke(BOB, proofs=[*bad, grant(SPACE, BOB.did)]))) == []


def test_the_error_tells_a_person_the_way() -> None:
    message = run(chain({"expires_at_unix": NOW})).out["error"]["message"]
    assert message.startswith("Claim test/echo is not authorized\n  - Capability test/echo on did:key:")
    assert "has expired on 2026-01-01T00:00:00+00:00" in message
