"""Principals: who signed, by did:key.

A `Verifier` checks signatures of the kinds of keys in use here: Ed25519 (agents and spaces),
secp256k1 and P-256 (atproto accounts), RSA (the original's agents in a browser, RSASSA-PKCS1-v1_5
with SHA-256). A `Signer` is an agent's own Ed25519 key.

Both ECDSA curves sign SHA-256 of the payload, in the compact form of 64 bytes, **low S only**:
for every signature (r, s) there is a second valid one, (r, n - s), that anybody can compute, so
a format that names signed blocks by their hash must refuse one of the two.

Source: https://atproto.com/specs/cryptography, RFC 8032, https://github.com/storacha/ucanto
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from pail.errors import DecodeError
from pail.varint import encode_varint
from ucan.errors import BadSignature, InvalidPrincipal
from ucan.multikey import ED25519, RSA, SECP256K1, PublicKey, format_did_key, parse_did_key
from ucan.varsig import ALGORITHMS, SIGNATURE_BYTES, SIGNATURE_CODES, decode_varsig, encode_varsig

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

SEED_BYTES = 32

_HALF_ORDER = {
    "secp256k1": 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141 >> 1,
    "secp256r1": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551 >> 1,
}
_ED25519_PRIVATE = encode_varint(0x1300)
_ED25519_PUBLIC = encode_varint(ED25519)


@dataclass(frozen=True, slots=True)
class Verifier:
    """Checks what one public key signed."""

    public_key: PublicKey

    @classmethod
    def parse(cls, did: str) -> Verifier:
        """The verifier of a did:key. Raises InvalidPrincipal."""
        return cls(parse_did_key(did))

    @property
    def did(self) -> str:
        """The did:key of the public key."""
        return format_did_key(self.public_key)

    def verify(self, payload: bytes, signature: bytes) -> None:
        """Return if this key made the raw `signature`, 64 bytes but for RSA, over `payload`.

        Raises BadSignature for any other, high S and DER among them.
        """
        if self.public_key.codec == RSA:
            return self._verify_rsa(payload, signature)
        if len(signature) != SIGNATURE_BYTES:
            raise BadSignature(self.did, f"{len(signature)} bytes, not {SIGNATURE_BYTES}")
        if self.public_key.codec == ED25519:
            self._verify_ed25519(payload, signature)
        else:
            self._verify_ecdsa(payload, signature)

    def verify_varsig(self, payload: bytes, varsig: bytes) -> None:
        """As `verify`, for a signature that states its algorithm, which must be this key's."""
        try:
            code, signature = decode_varsig(varsig)
        except DecodeError as error:
            raise BadSignature(self.did, str(error)) from error
        if code != SIGNATURE_CODES[self.public_key.codec]:
            raise BadSignature(self.did, f"made by another algorithm, 0x{code:x}")
        self.verify(payload, signature)

    def _verify_ed25519(self, payload: bytes, signature: bytes) -> None:
        from cryptography.exceptions import InvalidSignature

        try:
            _public_key(self.public_key.key).verify(signature, payload)
        except (InvalidSignature, ValueError) as error:
            raise BadSignature(self.did, "does not match the payload") from error

    def _verify_rsa(self, payload: bytes, signature: bytes) -> None:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.serialization import load_der_public_key

        key = load_der_public_key(self.public_key.key)
        assert isinstance(key, RSAPublicKey), "a public key is what its codec says"
        try:
            key.verify(signature, payload, PKCS1v15(), SHA256())
        except InvalidSignature as error:
            raise BadSignature(self.did, "does not match the payload") from error

    def _verify_ecdsa(self, payload: bytes, signature: bytes) -> None:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
        from cryptography.hazmat.primitives.hashes import SHA256

        curve = ec.SECP256K1() if self.public_key.codec == SECP256K1 else ec.SECP256R1()
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        if s > _HALF_ORDER[curve.name]:
            raise BadSignature(self.did, "high S")
        key = ec.EllipticCurvePublicKey.from_encoded_point(curve, self.public_key.key)
        try:
            key.verify(encode_dss_signature(r, s), payload, ec.ECDSA(SHA256()))
        except InvalidSignature as error:
            raise BadSignature(self.did, "does not match the payload") from error


@dataclass(frozen=True, slots=True)
class Signer:
    """An agent's Ed25519 key. Whoever has the seed is the agent: it is in no repr (T5)."""

    seed: bytes = field(repr=False)
    verifier: Verifier

    @classmethod
    def from_seed(cls, seed: bytes) -> Signer:
        """The signer of 32 random bytes, which the caller draws from the system's source."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        assert len(seed) == SEED_BYTES, "an Ed25519 seed has 32 bytes"
        public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
        return cls(seed, Verifier(PublicKey(ED25519, public)))

    @classmethod
    def parse(cls, text: str) -> Signer:
        """The signer of the text that `format` writes. Raises InvalidPrincipal, without the text."""
        refused = InvalidPrincipal("not an Ed25519 signer in the form Mg…")
        if not (text.isascii() and text.startswith("M")):
            raise refused
        try:
            encoded = base64.b64decode(text[1:], validate=True)
        except binascii.Error:
            raise refused from None
        signer = cls.from_seed(encoded[2 : 2 + SEED_BYTES].ljust(SEED_BYTES, b"\0"))
        if signer.format() != text:
            raise refused
        return signer

    def format(self) -> str:
        """The secret as ucanto writes it: multibase base64pad of the private and the public key."""
        private = _ED25519_PRIVATE + self.seed
        public = _ED25519_PUBLIC + self.verifier.public_key.key
        return "M" + base64.b64encode(private + public).decode()

    @property
    def did(self) -> str:
        """The did:key that this signer's signatures verify under."""
        return self.verifier.did

    @property
    def algorithm(self) -> str:
        """The name of its signatures' algorithm."""
        return ALGORITHMS[SIGNATURE_CODES[ED25519]]

    def sign(self, payload: bytes) -> bytes:
        """The varsig of `payload`."""
        return encode_varsig(SIGNATURE_CODES[ED25519], _private_key(self.seed).sign(payload))


@lru_cache(maxsize=1024)
def _public_key(key: bytes) -> Ed25519PublicKey:
    """Raises ValueError."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    return Ed25519PublicKey.from_public_bytes(key)


@lru_cache(maxsize=4)
def _private_key(seed: bytes) -> Ed25519PrivateKey:
    """Made of the seed, at the cost of another signature, once for the few that a process has."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(seed)
