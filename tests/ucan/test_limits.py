"""Chains and webs of proofs that would take forever: refused by name, in bounded time."""

import asyncio

import pytest

from pail import Block
from tests.ucan.people import (
    AGENT,
    BOB,
    MALLORY,
    NOW,
    SERVICE_DID,
    SPACE,
    grant,
    invoke,
    names,
    run,
    service,
)
from ucan import Capability, Delegation, NamedSigner, Server, Verifier, delegate
from ucan.search import MAX_CHAIN, MAX_RESOLUTIONS


def chain(length: int) -> Delegation:
    """Agent and Bob delegate to each other, `length` proofs in all, the first by the space."""
    proofs = [grant(SPACE, AGENT.did)]
    people = [AGENT, BOB]
    for number in range(length - 1):  # by CID: else each copies all above it
        proofs.append(grant(people[number % 2], people[1 - number % 2].did, proofs=[proofs[-1].cid]))
    blocks = [Block(proof.cid, proof.data) for proof in proofs]
    return invoke(people[(length - 1) % 2], proofs=[proofs[-1].cid], attached=blocks)


def test_a_chain_of_the_limit_holds() -> None:
    assert names(run(chain(MAX_CHAIN))) == []


@pytest.mark.parametrize("length", [MAX_CHAIN + 1, 1000])
def test_a_longer_chain_is_refused(length: int) -> None:
    assert names(run(chain(length))) == ["Unauthorized", "ProofLimitExceeded"]


def diamonds(levels: int) -> Delegation:
    """Two proofs at each level, each with both of the level above: 2^levels ways, none to the space."""
    proofs = [grant(MALLORY, AGENT.did, nonce=nonce) for nonce in "ab"]
    for _ in range(levels):
        proofs = [grant(AGENT, AGENT.did, nonce=nonce, proofs=proofs) for nonce in "ab"]
    return invoke(AGENT, proofs=proofs)


def test_a_web_of_proofs_is_refused() -> None:
    assert names(run(diamonds(40))) == ["Unauthorized", "ProofLimitExceeded"]


def test_many_capabilities_in_many_proofs_are_refused() -> None:
    capabilities = [Capability("test/echo", MALLORY.did)] * 256
    proofs = [
        delegate(SPACE, AGENT.did, capabilities, expires_at_unix=None, nonce=str(number))
        for number in range(100)
    ]
    assert names(run(invoke(AGENT, proofs=proofs))) == ["Unauthorized", "ProofLimitExceeded"]


def test_a_loop_cannot_be_made_and_a_proof_of_itself_is_missing() -> None:
    """A UCAN cannot name its own hash; one that names a UCAN which names it back would need a collision."""
    proof = grant(AGENT, AGENT.did, proofs=[grant(AGENT, AGENT.did).cid])
    assert "UnavailableProof" in names(run(invoke(AGENT, proofs=[proof])))


def test_few_dids_are_resolved_for_one_invocation() -> None:
    asked: list[str] = []

    async def keys_of(did: str) -> list[Verifier]:
        asked.append(did)
        return []

    proofs = [grant(NamedSigner(f"did:web:h{n}.example", BOB), AGENT.did) for n in range(50)]
    server = Server(service(), now_unix_s=lambda: NOW, keys_of=keys_of)
    receipt = asyncio.run(server.run(invoke(AGENT, proofs=proofs)))
    assert names(receipt) == ["Unauthorized", "ProofLimitExceeded"]
    assert len(asked) == MAX_RESOLUTIONS


def test_one_did_is_resolved_once() -> None:
    asked: list[str] = []

    async def keys_of(did: str) -> list[Verifier]:
        asked.append(did)
        return []

    web = NamedSigner("did:web:h.example", BOB)
    proofs = [grant(web, AGENT.did, nonce=str(n)) for n in range(50)]
    server = Server(service(), now_unix_s=lambda: NOW, keys_of=keys_of)
    assert "DIDKeyResolutionError" in names(asyncio.run(server.run(invoke(AGENT, proofs=proofs))))
    assert asked == ["did:web:h.example"]


def test_the_error_does_not_grow_with_the_request() -> None:
    proofs = [grant(MALLORY, AGENT.did, nonce=str(number)) for number in range(200)]
    error = run(invoke(AGENT, proofs=proofs)).out["error"]
    assert len(error["message"]) < 20_000
    assert SERVICE_DID not in error["message"]
