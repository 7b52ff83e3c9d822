"""Principals by name: any DID as text, and as the bytes that a UCAN holds.

A did:key is its multikey bytes. Any other DID is a varint 0x0d1d and its text behind `did:`. Each
DID has one form in bytes, so that nobody makes a second block of what was signed once.

Source: UCAN 0.9.1; @ipld/dag-ucan 3.4.5, did; https://www.w3.org/TR/did-core/#did-syntax
"""

from __future__ import annotations

import re
from functools import lru_cache

from pail.errors import DecodeError
from pail.varint import decode_varint, encode_varint
from ucan.errors import InvalidPrincipal
from ucan.multikey import PublicKey, decode_public_key, format_did_key, parse_did_key

MAX_DID_CHARS = 1024
"""Longer than any host name or mail address; an RSA key of 4096 bits takes 731."""

_OTHER_DID = encode_varint(0x0D1D)

# Wider than DID core at the end: ucanto's did:mailto keeps what encodeURIComponent does.
_DID = re.compile(r"did:[a-z0-9]+:[A-Za-z0-9._:%!'()*~+@-]+")


def is_did(text: str) -> bool:
    """Whether `text` is written as a DID, of whatever method."""
    return len(text) <= MAX_DID_CHARS and _DID.fullmatch(text) is not None


@lru_cache(maxsize=1024)
def encode_did(did: str) -> bytes:
    """A principal as a UCAN holds it. Raises InvalidPrincipal."""
    if did.startswith("did:key:"):
        codec, key = parse_did_key(did)
        return encode_varint(codec) + key
    if not is_did(did):
        raise InvalidPrincipal(f"not a DID: {did[:80]!r}")
    return _OTHER_DID + did.removeprefix("did:").encode()


@lru_cache(maxsize=1024)
def decode_did(data: bytes) -> str:
    """The DID of a principal's bytes. Raises InvalidPrincipal."""
    if len(data) > MAX_DID_CHARS:
        raise InvalidPrincipal(f"a principal of {len(data)} bytes")
    try:
        codec, at = decode_varint(data)
    except DecodeError as error:
        raise InvalidPrincipal(f"not a principal: {data[:40].hex()}") from error
    if data[:at] != _OTHER_DID:
        return format_did_key(decode_public_key(PublicKey(codec, data[at:])))
    did = "did:" + data[at:].decode("ascii", "replace")
    if did.startswith("did:key:") or not is_did(did):
        raise InvalidPrincipal(f"not a DID: {did[:80]!r}")
    return did
