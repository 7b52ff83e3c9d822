"""Public keys as text: did:key, multikey, and the two forms that older DID documents hold.

A multikey is a multicodec varint and the key bytes, in base58btc behind a `z`. The two curves
are always compressed in it, RSA is the DER of PKCS #1. Before 2023 atproto wrote the bare point,
often uncompressed, and named the curve beside it.

Source: https://w3c-ccg.github.io/did-key-spec/, https://atproto.com/specs/cryptography,
https://github.com/multiformats/multicodec
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import multibase

from pail.errors import DecodeError
from pail.varint import decode_varint, encode_varint
from ucan.errors import InvalidPrincipal

ED25519 = 0xED
SECP256K1 = 0xE7
P256 = 0x1200
RSA = 0x1205

KEY_BYTES = {ED25519: 32, SECP256K1: 33, P256: 33}

MAX_MULTIKEY_CHARS = 1024
"""An RSA key of 4096 bits takes 723, an uncompressed point 90."""

RSA_BITS = (2048, 3072, 4096)
RSA_EXPONENT = 65537
"""The only one in use; checking a signature under a large one would take seconds."""

_DID_KEY = "did:key:"
_MULTIBASE: Any = multibase  # it has no types


class PublicKey(NamedTuple):
    """A key's multicodec and its bytes: raw for Ed25519, a compressed point for the two curves, PKCS #1
    DER for RSA.
    """

    codec: int
    key: bytes


def format_did_key(public_key: PublicKey) -> str:
    """The did:key of a public key."""
    return _DID_KEY + _encode_base58btc(encode_varint(public_key.codec) + public_key.key)


@lru_cache(maxsize=1024)
def parse_did_key(did: str) -> PublicKey:
    """The key that a did:key names. Raises InvalidPrincipal."""
    if not did.startswith(_DID_KEY):
        raise InvalidPrincipal(f"not a did:key: {did[:80]!r}")
    return parse_multikey(did.removeprefix(_DID_KEY))


def parse_multikey(text: str) -> PublicKey:
    """The key of a multikey text (`z…`), of a kind we know and on its curve.

    Raises InvalidPrincipal.
    """
    encoded = _decode_base58btc(text)
    try:
        codec, at = decode_varint(encoded)
    except DecodeError as error:
        raise InvalidPrincipal(f"not a multikey: {text!r}") from error
    return decode_public_key(PublicKey(codec, encoded[at:]))


def decode_public_key(public_key: PublicKey) -> PublicKey:
    """The same key, if it is of a kind we know and on its curve. Raises InvalidPrincipal."""
    codec, key = public_key
    if codec == RSA:
        return _check_rsa(public_key)
    if codec not in KEY_BYTES:
        raise InvalidPrincipal(f"key of an unknown kind 0x{codec:x}: {key[:65].hex()}")
    if len(key) != KEY_BYTES[codec]:
        raise InvalidPrincipal(f"key of {len(key)} bytes, not {KEY_BYTES[codec]}: {key[:65].hex()}")
    return PublicKey(codec, key if codec == ED25519 else _compress(codec, key))


def parse_bare_point(codec: int, text: str) -> PublicKey:
    """The key of a base58btc point (`z…`) without a multicodec, compressed or not.

    codec: SECP256K1 or P256, as the text beside the key says. Raises InvalidPrincipal.
    """
    return PublicKey(codec, _compress(codec, _decode_base58btc(text)))


def _compress(codec: int, point: bytes) -> bytes:
    """The compressed form of a point on the curve. Raises InvalidPrincipal for any other bytes."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    curve = ec.SECP256K1() if codec == SECP256K1 else ec.SECP256R1()
    try:
        key = ec.EllipticCurvePublicKey.from_encoded_point(curve, point)
    except ValueError as error:
        raise InvalidPrincipal(f"not a point on {curve.name}: {point[:65].hex()}") from error
    return key.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)


def _check_rsa(public_key: PublicKey) -> PublicKey:
    """The key, of a size and exponent in use, in its one encoding."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

    try:
        key = load_der_public_key(public_key.key)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InvalidPrincipal(f"not an RSA key: {public_key.key[:65].hex()}") from error
    if not isinstance(key, RSAPublicKey) or key.key_size not in RSA_BITS:
        raise InvalidPrincipal(f"not an RSA key of {RSA_BITS} bits")
    if key.public_numbers().e != RSA_EXPONENT:
        raise InvalidPrincipal(f"an RSA key with another exponent than {RSA_EXPONENT}")
    if key.public_bytes(Encoding.DER, PublicFormat.PKCS1) != public_key.key:
        raise InvalidPrincipal("not the canonical DER of an RSA key")
    return public_key


def _encode_base58btc(content: bytes) -> str:
    return _MULTIBASE.encode("base58btc", content).decode()


def _decode_base58btc(text: str) -> bytes:
    """The bytes of canonical multibase base58btc, and of no other base. Raises InvalidPrincipal."""
    if len(text) > MAX_MULTIKEY_CHARS or not (text.isascii() and text.startswith("z")):
        raise InvalidPrincipal(f"not a key in base58btc: {text[:80]!r}")
    try:
        content: bytes = _MULTIBASE.decode(text)
    except (_MULTIBASE.MultibaseError, ValueError) as error:
        raise InvalidPrincipal(f"not a key in base58btc: {text!r}") from error
    if _encode_base58btc(content) != text:
        raise InvalidPrincipal(f"not the canonical base58btc of a key: {text!r}")
    return content
