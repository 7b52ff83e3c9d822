"""An account made up for a test: its signed PLC log, and the documents that go with it."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import Any

import multibase
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pail import DAG_CBOR, cid_of, encode_dag_cbor

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
KEY = ec.derive_private_key(7, ec.SECP256K1())
MULTIKEY = multibase.encode(
    "base58btc", b"\xe7\x01" + KEY.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
).decode()

Json = dict[str, Any]


@dataclass(frozen=True)
class MadeIdentity:
    did: str
    document: Json
    log: list[Json]


def make_identity(handle: str | None, pds: str | None, *, ended: bool = False) -> MadeIdentity:
    """A did:plc with one operation, and a tombstone behind it when `ended`."""
    services = {"atproto_pds": {"type": "AtprotoPersonalDataServer", "endpoint": pds}} if pds else {}
    first = _sign(
        {
            "type": "plc_operation",
            "rotationKeys": [f"did:key:{MULTIKEY}"],
            "verificationMethods": {"atproto": f"did:key:{MULTIKEY}"},
            "alsoKnownAs": [f"at://{handle}"] if handle else [],
            "services": services,
            "prev": None,
        }
    )
    digest = hashlib.sha256(encode_dag_cbor(first)).digest()
    did = "did:plc:" + base64.b32encode(digest).decode().lower()[:24]
    operations = [first]
    if ended:
        operations.append(_sign({"type": "plc_tombstone", "prev": _cid(first)}))
    return MadeIdentity(did, make_document(did, handle, pds), [_entry(did, op) for op in operations])


def make_document(did: str, handle: str | None, pds: str | None) -> Json:
    key = {"id": f"{did}#atproto", "type": "Multikey", "controller": did, "publicKeyMultibase": MULTIKEY}
    service = {"id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": pds}
    return {
        "@context": ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1"],
        "id": did,
        "alsoKnownAs": [f"at://{handle}"] if handle else [],
        "verificationMethod": [key],
        "service": [service] if pds else [],
    }


def as_bytes(value: object) -> bytes:
    return json.dumps(value).encode()


def _sign(operation: Json) -> Json:
    signature = KEY.sign(encode_dag_cbor(operation), ec.ECDSA(SHA256()))
    r, s = utils.decode_dss_signature(signature)
    compact = r.to_bytes(32, "big") + min(s, ORDER - s).to_bytes(32, "big")
    return {**operation, "sig": base64.urlsafe_b64encode(compact).decode().rstrip("=")}


def _entry(did: str, operation: Json) -> Json:
    at = "2026-11-20T20:33:50.183Z" if operation["prev"] is None else "2026-11-20T20:33:51.183Z"
    return {"did": did, "operation": operation, "cid": _cid(operation), "nullified": False, "createdAt": at}


def _cid(operation: Json) -> str:
    return str(cid_of(DAG_CBOR, encode_dag_cbor(operation)))
