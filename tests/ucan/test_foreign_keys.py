"""Agents whose keys are not Ed25519: P-256 and secp256k1, low S, and RSA as browsers make it."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pail import DecodeError
from tests.ucan.people import AGENT, BOB, SPACE, grant, invoke, names, run
from ucan import (
    P256,
    RSA,
    SECP256K1,
    BadSignature,
    InvalidPrincipal,
    PublicKey,
    Verifier,
    decode_did,
    encode_did,
    format_did_key,
)
from ucan.multikey import decode_public_key
from ucan.varsig import ALGORITHMS, SIGNATURE_CODES, decode_varsig, encode_varsig

ORDERS = {
    SECP256K1: 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141,
    P256: 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
}


@dataclass(frozen=True)
class Foreign:
    """An issuer with a key of another kind. flip_s: gives the other, high S of an ECDSA signature."""

    codec: int
    key: Any
    flip_s: bool = False

    @property
    def did(self) -> str:
        form = PublicFormat.PKCS1 if self.codec == RSA else PublicFormat.CompressedPoint
        encoding = Encoding.DER if self.codec == RSA else Encoding.X962
        return format_did_key(PublicKey(self.codec, self.key.public_key().public_bytes(encoding, form)))

    @property
    def algorithm(self) -> str:
        return ALGORITHMS[SIGNATURE_CODES[self.codec]]

    def sign(self, payload: bytes) -> bytes:
        if self.codec == RSA:
            return encode_varsig(SIGNATURE_CODES[RSA], self.key.sign(payload, padding.PKCS1v15(), SHA256()))
        r, s = decode_dss_signature(self.key.sign(payload, ec.ECDSA(SHA256())))
        low = min(s, ORDERS[self.codec] - s)
        s = ORDERS[self.codec] - low if self.flip_s else low
        return encode_varsig(SIGNATURE_CODES[self.codec], r.to_bytes(32, "big") + s.to_bytes(32, "big"))


@cache
def rsa_key(bits: int = 2048, exponent: int = 65537) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(exponent, bits)


CURVES = {
    SECP256K1: ec.derive_private_key(77, ec.SECP256K1()),
    P256: ec.derive_private_key(77, ec.SECP256R1()),
}


def foreign(codec: int, **options: Any) -> Foreign:
    return Foreign(codec, rsa_key() if codec == RSA else CURVES[codec], **options)


@pytest.mark.parametrize("codec", [SECP256K1, P256, RSA])
def test_holds_a_place_in_a_chain(codec: int) -> None:
    middle = foreign(codec)
    proof = grant(middle, BOB.did, proofs=[grant(SPACE, middle.did)])
    assert names(run(invoke(BOB, proofs=[proof]))) == []
    assert decode_did(encode_did(middle.did)) == middle.did


@pytest.mark.parametrize("codec", [SECP256K1, P256])
def test_the_other_signature_that_anybody_can_compute_is_refused(codec: int) -> None:
    forged = invoke(foreign(codec, flip_s=True), resource=foreign(codec).did)
    assert "InvalidSignature" in names(run(forged))


def test_a_flipped_bit_of_an_rsa_signature_is_refused() -> None:
    issuer = foreign(RSA)
    _, signature = decode_varsig(issuer.sign(b"payload"))
    verifier = Verifier.parse(issuer.did)
    verifier.verify(b"payload", signature)
    for other in (signature[:-1] + bytes([signature[-1] ^ 1]), signature[1:], signature + b"\0"):
        with pytest.raises(BadSignature):
            verifier.verify(b"payload", other)


@pytest.mark.parametrize(
    "key",
    [
        b"",
        b"\x30\x00",
        AGENT.verifier.public_key.key,
        rsa_key().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        rsa_key().public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1) + b"\0",
        rsa_key(1024).public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1),
        rsa_key(2048, 3).public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1),
    ],
    ids=["none", "empty", "Ed25519", "SPKI", "more", "1024 bits", "exponent 3"],
)
def test_other_rsa_keys_are_refused(key: bytes) -> None:
    with pytest.raises(InvalidPrincipal):
        decode_public_key(PublicKey(RSA, key))


@pytest.mark.parametrize("size", [0, 64, 255, 513])
def test_rsa_signatures_of_another_size_are_refused(size: int) -> None:
    with pytest.raises(DecodeError):
        decode_varsig(encode_varsig(SIGNATURE_CODES[RSA], bytes(size)))
