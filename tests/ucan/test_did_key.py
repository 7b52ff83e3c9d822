"""did:key and multikey: three kinds of keys, one text for each."""

import json
from pathlib import Path

import multibase
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ucan import (
    P256,
    SECP256K1,
    InvalidPrincipal,
    PublicKey,
    Signer,
    Verifier,
    format_did_key,
    parse_bare_point,
    parse_did_key,
    parse_multikey,
)

VECTORS = Path(__file__).parents[2] / "spec/vectors"
CASES = sorted((VECTORS / "did-key").rglob("*case-*.json"))
CURVES = {"K256": ec.SECP256K1(), "P256": ec.SECP256R1()}
POINT = ec.derive_private_key(7, ec.SECP256K1()).public_key()


def base58(content: bytes) -> str:
    return multibase.encode("base58btc", content).decode()


def test_there_are_cases_of_every_kind() -> None:
    assert len(CASES) == 9


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_published_did_key_is_read_and_written(path: Path) -> None:
    did = json.loads(path.read_text())["application/did+json"]["didDocument"]["id"]
    assert Verifier.parse(did).did == did


@pytest.mark.parametrize("path", [p for p in CASES if "ed25519" in p.name], ids=lambda path: path.stem)
def test_a_seed_gives_the_published_did(path: Path) -> None:
    case = json.loads(path.read_text())
    did = case["application/did+json"]["didDocument"]["id"]
    assert Signer.from_seed(bytes.fromhex(case["seed"])).did == did


@pytest.mark.parametrize("name", CURVES)
def test_a_private_key_of_atproto_gives_its_did(name: str) -> None:
    vectors = json.loads((VECTORS / f"atproto-interop/crypto/w3c_didkey_{name}.json").read_text())
    assert vectors
    for vector in vectors:
        text = vector.get("privateKeyBytesBase58")
        secret = multibase.decode("z" + text) if text else bytes.fromhex(vector["privateKeyBytesHex"])
        key = ec.derive_private_key(int.from_bytes(secret, "big"), CURVES[name]).public_key()
        point = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        codec = SECP256K1 if name == "K256" else P256
        assert format_did_key(parse_bare_point(codec, base58(point))) == vector["publicDidKey"]


def test_a_bare_point_may_be_compressed() -> None:
    compressed = POINT.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    assert parse_bare_point(SECP256K1, base58(compressed)) == PublicKey(SECP256K1, compressed)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xed",
        b"\xed\x01" + bytes(31),
        b"\xed\x01" + bytes(33),
        b"\xe7\x01\x02" + b"\xff" * 32,  # not on the curve
        b"\xe7\x01\x00" + bytes(32),
        b"\xe7\x01" + POINT.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint),
        b"\x85\x24" + bytes(64),  # RSA
        b"\xed\x81\x00" + bytes(32),  # a varint that is not minimal
    ],
)
def test_bytes_that_are_no_multikey_are_refused(content: bytes) -> None:
    with pytest.raises(InvalidPrincipal):
        parse_multikey(base58(content))


@pytest.mark.parametrize("text", ["", "z", "z0OIl", "zé", "bafk", "f00", "z" + "1" * 40, "z" * 129, "\0"])
def test_text_that_is_no_multikey_is_refused(text: str) -> None:
    with pytest.raises(InvalidPrincipal):
        parse_multikey(text)


@pytest.mark.parametrize("did", ["", "did:key:", "did:web:a.example", "DID:KEY:z6Mk", "did:key:did:key:z6Mk"])
def test_other_dids_are_no_did_keys(did: str) -> None:
    with pytest.raises(InvalidPrincipal):
        parse_did_key(did)
