"""Principals without a key: what they delegated is believed if the service attests it."""

import pytest

from tests.ucan.people import (
    AGENT,
    BOB,
    MAIL_DID,
    MALLORY,
    NOW,
    SERVICE,
    SERVICE_DID,
    SPACE,
    attest,
    grant,
    invoke,
    names,
    run,
)
from ucan import Absentee, Delegation, Revocation

MAIL = Absentee(MAIL_DID)
TO_MAIL = grant(SPACE, MAIL_DID, "*")
LOGIN = grant(MAIL, AGENT.did, "*", "ucan:*", proofs=[TO_MAIL])
OTHER = grant(MAIL, AGENT.did, "*", "ucan:*", nonce="other")


def invoked(*proofs: Delegation) -> Delegation:
    return invoke(AGENT, proofs=[LOGIN, *proofs])


OF_HERSELF = grant(MALLORY, AGENT.did, "ucan/attest", MALLORY.did, {"proof": LOGIN.cid})
RIGHT = grant(SERVICE, BOB.did, "ucan/attest", SERVICE_DID)


@pytest.mark.parametrize(
    "proof",
    [
        attest(SERVICE, AGENT.did, LOGIN),
        attest(BOB, AGENT.did, LOGIN, proofs=[RIGHT]),
        attest(BOB, AGENT.did, LOGIN, proofs=[grant(SERVICE, BOB.did, "*", "ucan:*")]),
    ],
    ids=["by the service", "by a delegate", "by a holder of all"],
)
def test_an_attested_login_holds(proof: Delegation) -> None:
    assert names(run(invoked(proof))) == []


@pytest.mark.parametrize(
    ("proofs", "cause"),
    [
        ([], "DIDKeyResolutionError"),
        ([attest(SERVICE, AGENT.did, OTHER)], "DIDKeyResolutionError"),
        ([attest(SERVICE, BOB.did, LOGIN)], "InvalidAudience"),
        ([attest(SERVICE, AGENT.did, LOGIN, expires_at_unix=NOW)], "Expired"),
        ([attest(MALLORY, AGENT.did, LOGIN)], "SessionEscalation"),
        ([attest(MALLORY, AGENT.did, LOGIN, proofs=[RIGHT])], "SessionEscalation"),
        (
            [grant(MALLORY, AGENT.did, "ucan/attest", MALLORY.did, {"proof": LOGIN.cid})],
            "DIDKeyResolutionError",
        ),
        ([grant(SERVICE, AGENT.did, "ucan/*", SERVICE_DID, {"proof": LOGIN.cid})], "DIDKeyResolutionError"),
        ([attest(MAIL, AGENT.did, LOGIN)], "DIDKeyResolutionError"),
    ],
)
def test_any_other_does_not(proofs: list[Delegation], cause: str) -> None:
    found = names(run(invoked(*proofs)))
    assert found[0] == "Unauthorized"
    assert cause in found


def test_a_revoked_attestation_is_none() -> None:
    proof = attest(SERVICE, AGENT.did, LOGIN)
    assert names(run(invoked(proof), revoked=[Revocation(proof.cid, SERVICE_DID)]))[0] == "Unauthorized"


def test_attestations_of_absentees_by_absentees_end() -> None:
    """Each needs another one, in every order: the search is cut short."""
    mails = [Absentee(f"did:mailto:example.com:a{number}") for number in range(12)]
    attests = [attest(mail, AGENT.did, LOGIN) for mail in mails]
    assert names(run(invoked(*attests)))[0] == "Unauthorized"
