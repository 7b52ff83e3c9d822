"""Revocations: those of a UCAN's own principals and of everyone above count, a stranger's does not (T3)."""

import pytest

from tests.ucan.people import AGENT, BOB, MALLORY, SERVICE_DID, SPACE, grant, invoke, names, run
from ucan import Revocation
from ucan.token import twin

FIRST = grant(SPACE, AGENT.did)
SECOND = grant(AGENT, BOB.did, proofs=[FIRST])
INVOCATION = invoke(BOB, proofs=[SECOND])


@pytest.mark.parametrize(
    ("ucan", "by"),
    [
        (FIRST, SPACE.did),
        (FIRST, AGENT.did),
        (SECOND, SPACE.did),
        (SECOND, AGENT.did),
        (SECOND, BOB.did),
        (INVOCATION, SPACE.did),
        (INVOCATION, BOB.did),
        (INVOCATION, SERVICE_DID),
    ],
)
def test_refuses_what_somebody_entitled_revoked(ucan, by) -> None:
    assert names(run(INVOCATION, revoked=[Revocation(ucan.cid, by)])) == ["Unauthorized", "Revoked"]


@pytest.mark.parametrize(
    ("ucan", "by"),
    [(FIRST, BOB.did), (FIRST, MALLORY.did), (SECOND, MALLORY.did), (grant(SPACE, BOB.did), SPACE.did)],
    ids=["someone below", "a stranger", "a stranger to the second", "of another"],
)
def test_others_have_no_effect(ucan, by) -> None:
    assert names(run(INVOCATION, revoked=[Revocation(ucan.cid, by)])) == []


def test_is_not_escaped_by_the_twin_of_what_was_revoked() -> None:
    """The signature of a UCAN without a nonce is good for one with an empty nonce, and another CID."""
    other = twin(FIRST.ucan)
    assert other is not None
    assert names(run(INVOCATION, revoked=[Revocation(other, SPACE.did)])) == ["Unauthorized", "Revoked"]


def test_a_revocation_that_does_not_concern_the_chain_does_not_hide_one_that_does() -> None:
    revoked = [Revocation(FIRST.cid, MALLORY.did), Revocation(FIRST.cid, SPACE.did)]
    assert "Revoked" in names(run(INVOCATION, revoked=revoked))
