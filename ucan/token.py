"""A UCAN of version 0.9.1: what it says, its block, and the bytes that its issuer signed.

The block is DAG-CBOR, the signature is over the JWT that says the same. Two blocks that would be the
same JWT must not both be taken: a revocation names a block. So the reader is strict where the
original's is not (unknown fields, empty `fct`, `nbf` of 0, upper case abilities are refused), and what
is left of it, an empty nonce against none, is known as a twin to whoever looks for revocations.

Source: https://github.com/ucan-wg/spec/tree/v0.9.1, https://github.com/ucan-wg/ucan-ipld;
@ipld/dag-ucan 3.4.5; checked against `spec/vectors/js/ucan.public.json`
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple, cast

from pail.cid import CID
from pail.dag_cbor import Block, Value, decode_dag_cbor, encode_block
from pail.errors import DecodeError, TooLarge
from pail.fields import Fields
from ucan.capability import Capability, decode_capability, encode_capability
from ucan.dag_json import encode_dag_json
from ucan.did import decode_did, encode_did
from ucan.varsig import algorithm_of

VERSION = "0.9.1"

MAX_UCAN_BYTES = 128 << 10
"""The original's clock client names each block it attaches in a fact, of some 100 bytes."""

MAX_CAPABILITIES = 256
MAX_PROOFS = 256
"""Links of one UCAN to others; a session of the original's client has some dozens."""

MAX_TIME_UNIX_S = (1 << 53) - 1
"""Beyond it the original's numbers lose their last digits."""


@dataclass(frozen=True, slots=True)
class Ucan:
    """issuer, audience: DIDs. expires_at_unix: None for never. signature: a varsig, or ABSENT."""

    issuer: str
    audience: str
    capabilities: tuple[Capability, ...]
    expires_at_unix: int | None
    not_before_unix: int | None = None
    nonce: str | None = None
    facts: tuple[dict[str, Value], ...] = ()
    proofs: tuple[CID, ...] = ()
    signature: bytes = b""


def signed_payload(ucan: Ucan, algorithm: str) -> bytes:
    """The bytes that the issuer signs: header and payload of a JWT. Raises DecodeError.

    algorithm: the name in the header, "" for a principal without a key.
    """
    payload: dict[str, Value] = {
        "iss": ucan.issuer,
        "aud": ucan.audience,
        "att": [encode_capability(capability) for capability in ucan.capabilities],
        "exp": ucan.expires_at_unix,
        "prf": [str(proof) for proof in ucan.proofs],
    }
    for name, value in (
        ("fct", list(ucan.facts)),
        ("nnc", ucan.nonce),
        ("nbf", ucan.not_before_unix),
    ):
        if value:
            payload[name] = value
    return _header(algorithm) + b"." + _base64url(encode_dag_json(payload))


@lru_cache(maxsize=8)
def _header(algorithm: str) -> bytes:
    return _base64url(encode_dag_json({"alg": algorithm, "typ": "JWT", "ucv": VERSION}))


def encode_ucan(ucan: Ucan) -> Block:
    """The block of a signed UCAN."""
    fields: dict[str, Value] = {
        "v": VERSION,
        "iss": encode_did(ucan.issuer),
        "aud": encode_did(ucan.audience),
        "att": [encode_capability(capability) for capability in ucan.capabilities],
        "exp": ucan.expires_at_unix,
        "prf": list(ucan.proofs),
        "s": ucan.signature,
    }
    if ucan.facts:
        fields["fct"] = list(ucan.facts)
    if ucan.nonce is not None:
        fields["nnc"] = ucan.nonce
    if ucan.not_before_unix:
        fields["nbf"] = ucan.not_before_unix
    return encode_block(fields)


class Signed(NamedTuple):
    """A UCAN and the bytes that its signature is over."""

    ucan: Ucan
    payload: bytes


def decode_ucan(data: bytes) -> Signed:
    """The UCAN of a block; whether its issuer signed it is not looked at.

    Raises DecodeError (InvalidPrincipal among it) for any other bytes, TooLarge past the limits.
    """
    if len(data) > MAX_UCAN_BYTES:
        raise TooLarge(f"UCAN of {len(data)} bytes; the limit is {MAX_UCAN_BYTES}")
    fields = Fields("UCAN", decode_dag_cbor(data))
    if fields.take("v", str) != VERSION:
        raise DecodeError(f"UCAN is not of version {VERSION}")
    ucan = Ucan(
        issuer=decode_did(fields.take("iss", bytes)),
        audience=decode_did(fields.take("aud", bytes)),
        capabilities=_decode_capabilities(cast("list[Any]", fields.take("att", list))),
        expires_at_unix=_decode_expiration(fields),
        not_before_unix=_decode_not_before(fields),
        nonce=fields.take_optional("nnc", str),
        facts=_decode_facts(cast("list[Any] | None", fields.take_optional("fct", list))),
        proofs=_decode_proofs(cast("list[Any]", fields.take("prf", list))),
        signature=fields.take("s", bytes),
    )
    fields.done()
    return Signed(ucan, signed_payload(ucan, algorithm_of(ucan.signature)))


def twin(ucan: Ucan) -> CID | None:
    """The CID of the other UCAN that the same signature is good for, if there is one."""
    if ucan.nonce:
        return None
    return encode_ucan(replace(ucan, nonce="" if ucan.nonce is None else None)).cid


def _base64url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _decode_capabilities(values: list[Any]) -> tuple[Capability, ...]:
    if len(values) > MAX_CAPABILITIES:
        raise TooLarge(f"UCAN of {len(values)} capabilities; the limit is {MAX_CAPABILITIES}")
    return tuple(decode_capability(value) for value in values)


def _decode_expiration(fields: Fields) -> int | None:
    expires = fields.take("exp", object)
    return None if expires is None else _decode_time("exp", expires)


def _decode_not_before(fields: Fields) -> int | None:
    not_before = fields.take_optional("nbf", int)
    if not_before == 0:
        raise DecodeError("UCAN.nbf is 0, which is not signed")
    return None if not_before is None else _decode_time("nbf", not_before)


def _decode_time(name: str, value: object) -> int:
    if type(value) is not int or abs(value) > MAX_TIME_UNIX_S:
        raise DecodeError(f"UCAN.{name} is no time in seconds")
    return value


def _decode_facts(values: list[Any] | None) -> tuple[dict[str, Value], ...]:
    if values is None:
        return ()
    if not values or not all(isinstance(fact, dict) for fact in values):
        raise DecodeError("UCAN.fct is no list of maps")
    return tuple(cast("list[dict[str, Value]]", values))


def _decode_proofs(values: list[Any]) -> tuple[CID, ...]:
    if len(values) > MAX_PROOFS:
        raise TooLarge(f"UCAN of {len(values)} proofs; the limit is {MAX_PROOFS}")
    if not all(isinstance(proof, CID) for proof in values):
        raise DecodeError("UCAN.prf is no list of links")
    return tuple(cast("list[CID]", values))
