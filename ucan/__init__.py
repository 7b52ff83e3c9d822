"""Who may do what: principals and their signatures. Pure."""

from ucan.errors import BadSignature, InvalidPrincipal, UcanError
from ucan.multikey import (
    ED25519,
    P256,
    SECP256K1,
    PublicKey,
    format_did_key,
    parse_bare_point,
    parse_did_key,
    parse_multikey,
)
from ucan.principal import Signer, Verifier
from ucan.varsig import decode_varsig, encode_varsig

__all__ = [
    "ED25519",
    "P256",
    "SECP256K1",
    "BadSignature",
    "InvalidPrincipal",
    "PublicKey",
    "Signer",
    "UcanError",
    "Verifier",
    "decode_varsig",
    "encode_varsig",
    "format_did_key",
    "parse_bare_point",
    "parse_did_key",
    "parse_multikey",
]
