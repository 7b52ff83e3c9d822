"""The original's validator on fresh random chains: done by both, or refused by both under one name."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import Any

import pytest

from pail import parse_cid
from tests.peers.npm import npm_project
from tests.peers.ucan_peer import FOLDER, Chance, ask
from tests.ucan.people import (
    AGENT,
    BOB,
    MAIL_DID,
    MALLORY,
    NOW,
    SERVICE,
    SERVICE_DID,
    SERVICE_KEY,
    SPACE,
    WEB,
    WEB_DID,
    attest,
    grant,
    server,
)
from ucan import (
    Absentee,
    Delegation,
    Issuer,
    NamedSigner,
    Revocation,
    decode_message,
    encode_request,
)
from ucan.delegation import view_delegation

CASES = 400
HEADERS = {"content-type": "application/vnd.ipld.car"}

MAIL = Absentee(MAIL_DID)
PEOPLE: list[Issuer] = [SPACE, AGENT, BOB, MALLORY, WEB, MAIL, SERVICE]

pytestmark = pytest.mark.peer


class Chances(Chance):
    """Mostly what makes a chain hold, now and then what breaks it."""

    def times(self) -> dict[str, Any]:
        return {
            "expires_at_unix": self.pick(NOW + 60, [None, NOW - 1, NOW, NOW + 1], 0.15),
            "not_before_unix": self.pick(None, [NOW - 1, NOW, NOW + 1], 0.1),
            "nonce": str(self.random()),
        }

    def nb(self) -> dict[str, Any] | None:
        return self.pick(
            None, [{}, {"text": "a"}, {"text": "b"}, {"number": 1}, {"text": "a", "number": 1}], 0.2
        )

    def link(self, issuer: Issuer, audience: str, proofs: list[Delegation]) -> Delegation:
        can = self.choice(["test/echo", "test/*", "*"])
        can = self.pick(can, ["test/read", "te/*", "other/*"])
        owner = self.choice([SPACE.did, SPACE.did, "ucan:*"])
        resource = self.pick(owner, [MALLORY.did, SPACE.did[:20] + "*", MAIL_DID, issuer.did])
        audience = self.pick(audience, [person.did for person in PEOPLE], 0.04)
        proofs = self.pick(proofs, [[], proofs[:1]], 0.04)
        forger = NamedSigner(issuer.did, MALLORY)
        issuer = issuer if issuer is MAIL else self.pick(issuer, [forger], 0.03)
        return grant(issuer, audience, can, resource, self.nb(), proofs, **self.times())


def random_chain(chance: Chances) -> Delegation:
    """A chain from the space down; a DID without a key gets an attestation beside it, mostly."""
    issuer: Issuer = chance.pick(SPACE, [MALLORY, MAIL])
    proofs: list[Delegation] = []
    for _ in range(chance.randint(0, 4)):
        holder = chance.choice(PEOPLE)
        link = chance.link(issuer, holder.did, proofs)
        proofs = [link, *chance.pick([], [[extra(chance, holder)]], 0.2)]
        if issuer is MAIL:
            proofs += chance.pick([attestation(chance, link, holder)], [[]], 0.2)
        chance.shuffle(proofs)
        issuer = holder
    can = chance.pick("test/echo", ["test/read", "test/*", "test/none"])
    nb = chance.pick({"text": "a", "number": 1}, [None, {"text": "a"}, {"text": 1}], 0.3)
    resource = chance.pick(SPACE.did, [MALLORY.did, issuer.did, "https://example.com/"])
    return grant(issuer, chance.pick(SERVICE_DID, [BOB.did]), can, resource, nb, proofs, **chance.times())


def extra(chance: Chances, holder: Issuer) -> Delegation:
    return chance.link(chance.choice(PEOPLE), holder.did, [])


def attestation(chance: Chances, link: Delegation, holder: Issuer) -> Delegation:
    issuer = chance.pick(SERVICE, [MALLORY, AGENT, WEB], 0.2)
    proofs = (
        [] if issuer is SERVICE else [grant(SERVICE, issuer.did, "ucan/*", SERVICE_DID, **chance.times())]
    )
    audience = chance.pick(holder.did, [BOB.did])
    return attest(issuer, audience, link, proofs=chance.pick(proofs, [[]]), **chance.times())


def random_revocations(chance: Chances, invocation: Delegation) -> list[Revocation]:
    known = [invocation, *(view_delegation(cid, invocation.blocks) for cid in invocation.blocks)]
    return [
        Revocation(chance.choice(known).cid, chance.choice(PEOPLE).did)
        for _ in range(chance.pick(0, [1, 2], 0.25))
    ]


def ours(request: bytes, revoked: list[Revocation]) -> dict[str, Any]:
    response = asyncio.run(server(revoked=revoked).respond(HEADERS, request))
    message = decode_message(response.body)
    (ran,) = message.report
    receipt = message.receipt(parse_cid(ran))
    assert receipt is not None
    return {"ok": receipt.out["ok"]} if "ok" in receipt.out else {"error": receipt.out["error"]["name"]}


def theirs(project: Path, cases: list[tuple[bytes, list[Revocation]]]) -> list[dict[str, Any]]:
    question = {
        "service": SERVICE_DID,
        "seed": SERVICE_KEY.seed.hex(),
        "keys": {WEB_DID: BOB.did},
        "cases": [
            {
                "now": NOW,
                "request": base64.b64encode(request).decode(),
                "revoked": [{"ucan": str(ucan), "by": by} for ucan, by in revoked],
            }
            for request, revoked in cases
        ],
    }
    return ask(project, "validate.mjs", question)


def test_decides_as_the_original_on_random_chains() -> None:
    project = npm_project(FOLDER)
    chance = Chances()
    chains = [random_chain(chance) for _ in range(CASES)]
    cases = [(encode_request([chain]), random_revocations(chance, chain)) for chain in chains]
    wanted = theirs(project, cases)
    for number, ((request, revoked), want) in enumerate(zip(cases, wanted, strict=True)):
        want.pop("message", None) if "error" in want else None
        assert ours(request, revoked) == want, (number, chance.drawn_from)
    outcomes = [next(iter(want)) for want in wanted]
    assert min(outcomes.count("ok"), outcomes.count("error")) > CASES // 5
