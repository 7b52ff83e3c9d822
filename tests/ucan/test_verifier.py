"""Signatures of the three kinds of keys: which are taken, and above all which are not."""

import base64
import gzip
import json
from pathlib import Path
from typing import Any

import multibase
import pytest

from ucan import ED25519, P256, SECP256K1, BadSignature, PublicKey, Verifier, parse_bare_point

VECTORS = Path(__file__).parents[2] / "spec/vectors"
FIXTURES = json.loads((VECTORS / "atproto-interop/crypto/signature-fixtures.json").read_text())
HALF_ORDER = {
    SECP256K1: 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0,
    P256: 0x7FFFFFFF800000007FFFFFFFFFFFFFFFDE737D56D38BCF4279DCE5617E3192A8,
}


def wycheproof(name: str) -> list[dict[str, Any]]:
    return json.loads(gzip.decompress((VECTORS / f"wycheproof/{name}.json.gz").read_bytes()))["testGroups"]


def accepts(verifier: Verifier, payload: bytes, signature: bytes) -> bool:
    try:
        verifier.verify(payload, signature)
    except BadSignature:
        return False
    return True


def test_there_are_fixtures_to_take_and_to_refuse() -> None:
    assert {fixture["validSignature"] for fixture in FIXTURES} == {True, False}


@pytest.mark.parametrize("fixture", FIXTURES, ids=lambda fixture: fixture["comment"])
def test_atprotos_signature_fixtures(fixture: dict[str, Any]) -> None:
    payload = base64.b64decode(fixture["messageBase64"] + "==")
    signature = base64.b64decode(fixture["signatureBase64"] + "==")
    verifier = Verifier.parse(fixture["publicKeyDid"])
    assert accepts(verifier, payload, signature) == fixture["validSignature"]


@pytest.mark.parametrize("fixture", FIXTURES, ids=lambda fixture: fixture["comment"])
def test_the_two_forms_of_a_fixtures_key_are_one(fixture: dict[str, Any]) -> None:
    codec = {"ES256": P256, "ES256K": SECP256K1}[fixture["algorithm"]]
    key = parse_bare_point(codec, fixture["publicKeyMultibase"])
    assert Verifier(key).did == fixture["publicKeyDid"]


@pytest.mark.parametrize(("codec", "curve"), [(SECP256K1, "secp256k1"), (P256, "secp256r1")])
def test_wycheproof_ecdsa_with_low_s_only(codec: int, curve: str) -> None:
    counts = {True: 0, False: 0}
    for group in wycheproof(f"ecdsa_{curve}_sha256_p1363_test"):
        point = bytes.fromhex(group["publicKey"]["uncompressed"])
        verifier = Verifier(parse_bare_point(codec, multibase.encode("base58btc", point).decode()))
        for test in group["tests"]:
            signature = bytes.fromhex(test["sig"])
            low = int.from_bytes(signature[32:], "big") <= HALF_ORDER[codec]
            wanted = test["result"] == "valid" and low
            assert accepts(verifier, bytes.fromhex(test["msg"]), signature) == wanted, test
            counts[wanted] += 1
    assert min(counts.values()) > 50


def test_wycheproof_ed25519() -> None:
    counts = {True: 0, False: 0}
    for group in wycheproof("ed25519_test"):
        verifier = Verifier(PublicKey(ED25519, bytes.fromhex(group["publicKey"]["pk"])))
        for test in group["tests"]:
            wanted = test["result"] == "valid"
            assert accepts(verifier, bytes.fromhex(test["msg"]), bytes.fromhex(test["sig"])) == wanted, test
            counts[wanted] += 1
    assert min(counts.values()) > 50


def test_the_refusal_names_the_key_and_the_cause() -> None:
    fixture = next(fixture for fixture in FIXTURES if "high-s" in fixture["tags"])
    signature = base64.b64decode(fixture["signatureBase64"] + "==")
    with pytest.raises(BadSignature, match=r"did:key:zDn\w+ is refused: high S"):
        Verifier.parse(fixture["publicKeyDid"]).verify(b"", signature)
