"""Signatures that say which algorithm made them: varint code, varint size, the raw bytes.

This is the form of UCAN 0.9.1 and ucanto, older than the varsig specification.

Source: https://github.com/storacha/ucanto, packages/interface and core; checked against its
own signatures in `spec/vectors/js/ucan.public.json`.
"""

from __future__ import annotations

from pail.errors import DecodeError
from pail.varint import decode_varint, encode_varint
from ucan.multikey import ED25519, P256, RSA, SECP256K1

SIGNATURE_BYTES = 64
"""Of every kind but RSA, whose signatures are as long as the key."""

MAX_SIGNATURE_BYTES = 512

SIGNATURE_CODES = {ED25519: 0xD0ED, SECP256K1: 0xD0E7, P256: 0xD01200, RSA: 0xD01205}
"""The signature code of each kind of key: EdDSA, ES256K, ES256, RS256."""

ALGORITHMS = {0xD0ED: "EdDSA", 0xD0E7: "ES256K", 0xD01200: "ES256", 0xD01205: "RS256"}
"""The name of each signature code, as the header of a UCAN gives it."""

ABSENT = encode_varint(0xD000) + encode_varint(0)
"""The signature of a principal that holds no key: of no standard, without bytes or a name."""


def encode_varsig(code: int, signature: bytes) -> bytes:
    """The varsig of a raw signature."""
    return encode_varint(code) + encode_varint(len(signature)) + signature


def decode_varsig(varsig: bytes) -> tuple[int, bytes]:
    """The signature code and the raw signature, which ends with the data.

    Raises DecodeError for a size that its code does not have, or that is not as stated.
    """
    code, at = decode_varint(varsig)
    size, at = decode_varint(varsig, at)
    least = SIGNATURE_BYTES if code != SIGNATURE_CODES[RSA] else MAX_SIGNATURE_BYTES // 2
    most = SIGNATURE_BYTES if code != SIGNATURE_CODES[RSA] else MAX_SIGNATURE_BYTES
    if not least <= size <= most or len(varsig) - at != size:
        raise DecodeError(f"varsig of {len(varsig) - at} bytes that states {size}, not {least} to {most}")
    return code, varsig[at:]


def algorithm_of(varsig: bytes) -> str:
    """The name of a signature's algorithm, "" for ABSENT. Raises DecodeError for one we do not know."""
    if varsig == ABSENT:
        return ""
    code, _ = decode_varsig(varsig)
    if code not in ALGORITHMS:
        raise DecodeError(f"signature of an unknown algorithm 0x{code:x}")
    return ALGORITHMS[code]
