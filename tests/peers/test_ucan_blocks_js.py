"""What the original issues, we issue to the byte; archives go both ways."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from pail.cid import DAG_CBOR, DAG_PB, RAW, cid_of
from tests.peers.npm import npm_project
from tests.peers.ucan_peer import FOLDER, Chance, ask
from tests.ucan.people import AGENT, BOB, MAIL_DID, NOW, SERVICE_DID, SPACE, WEB, grant, invoke, names, run
from ucan import Capability, Delegation, Issuer, decode_archive, delegate, encode_archive
from ucan.dag_json import encode_dag_json

CASES = 300
NUMBERS = [0, -1, 2**53 - 1, -(2**53) + 1, 1.5, -0.1, 1e-6, 1.25e-7, 123456.789, 5e-324, 2.0**51 + 0.5]
TEXTS = ["", "a", "é", '"\\/', "\u2028\x7f\x00\n", "😀\uff5e", "__proto__"]

pytestmark = pytest.mark.peer


def test_archives_go_both_ways() -> None:
    project = npm_project(FOLDER)
    first = grant(SPACE, AGENT.did)
    made = grant(AGENT, BOB.did, nb={"text": "é"}, proofs=[first], facts=[{"a": 0.00001, "b": [-1]}])
    archive = base64.b64encode(encode_archive(made)).decode()
    read = ask(project, "archives.mjs", {"archive": archive, "audience": AGENT.did})
    assert (read["verified"], read["cid"], read["issuer"]) == (True, str(made.cid), AGENT.did)
    assert (read["proofs"], read["facts"]) == ([SPACE.did], [{"a": 0.00001, "b": [-1]}])
    assert read["capabilities"] == [{"can": "test/echo", "with": SPACE.did, "nb": {"text": "é"}}]


def test_what_an_rsa_key_of_theirs_delegates_holds_here() -> None:
    project = npm_project(FOLDER)
    archive = base64.b64encode(encode_archive(grant(SPACE, AGENT.did))).decode()
    read = ask(project, "archives.mjs", {"archive": archive, "audience": AGENT.did})
    received = decode_archive(base64.b64decode(read["theirs"]))
    assert encode_archive(received) == base64.b64decode(read["theirs"])
    invocation = invoke(AGENT, resource=read["space"], nb={"text": "a"}, proofs=[received])
    assert names(run(invocation)) == []


def random_value(chance: Chance, depth: int = 0) -> Any:
    """What facts and caveats may hold, with texts and numbers that are easily written otherwise."""
    kind = chance.randrange(9 if depth < 3 else 6)
    match kind:
        case 0:
            return chance.choice([None, True, False])
        case 1:
            return chance.choice(NUMBERS)
        case 2:
            return chance.random() * 10.0 ** chance.randint(-12, 9)
        case 3:
            return chance.choice(TEXTS)
        case 4:
            return chance.randbytes(chance.randrange(6))
        case 5:
            return cid_of(chance.choice([RAW, DAG_CBOR, DAG_PB]), chance.randbytes(4))
        case 6:
            return [random_value(chance, depth + 1) for _ in range(chance.randrange(4))]
        case _:
            return random_map(chance, depth + 1)


def random_map(chance: Chance, depth: int = 0) -> dict[str, Any]:
    names = ["a", "b", "aa", "B", "é", "😀", "\uff5e", "a/b", "", "toJSON", "can"]
    return {name: random_value(chance, depth) for name in chance.sample(names, chance.randrange(5))}


def random_ucan(chance: Chance) -> dict[str, Any]:
    abilities = ["*", "test/*", "Test/Echo", "space/blob/add"]
    capabilities = [
        {"can": chance.choice(abilities), "with": chance.choice([SPACE.did, "ucan:*", "mailto:a@b.c"])}
        | chance.choice([{}, {"nb": random_map(chance)}])
        for _ in range(chance.randrange(4))
    ]
    return {
        "capabilities": capabilities,
        "facts": [random_map(chance) for _ in range(chance.randrange(3))],
        "expiration": chance.choice([None, NOW, -1, 0]),
        "notBefore": chance.choice([None, NOW, 1]),
        "nonce": chance.choice([None, "", "n", "é"]),
        "proofs": [cid_of(DAG_CBOR, chance.randbytes(4)) for _ in range(chance.randrange(3))],
    }


def issue(issuer: Issuer, audience: str, ucan: dict[str, Any]) -> Delegation:
    return delegate(
        issuer,
        audience,
        [Capability(each["can"], each["with"], each.get("nb")) for each in ucan["capabilities"]],
        expires_at_unix=ucan["expiration"],
        not_before_unix=ucan["notBefore"],
        nonce=ucan["nonce"],
        facts=ucan["facts"],
        proofs=ucan["proofs"],
    )


@pytest.mark.parametrize(("issuer", "audience"), [(SPACE, SERVICE_DID), (WEB, MAIL_DID)])
def test_issues_the_blocks_that_the_original_issues(issuer: Issuer, audience: str) -> None:
    project = npm_project(FOLDER)
    chance = Chance()
    cases = [random_ucan(chance) for _ in range(CASES)]
    seed = (SPACE if issuer is SPACE else BOB).seed.hex()
    question = {"seed": seed, "issuer": issuer.did, "audience": audience, "cases": cases}
    wanted = ask(project, "issue.mjs", encode_dag_json(question).decode())
    for case, want in zip(cases, wanted, strict=True):
        made = issue(issuer, audience, case)
        assert made.payload.decode() == want["payload"], chance.drawn_from
        assert (str(made.cid), encode_archive(made)) == (want["cid"], base64.b64decode(want["archive"]))
