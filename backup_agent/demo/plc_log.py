"""The demo's part of a PLC directory: one more signed operation, and the DID document of a log.

The recorded log names the port that the account was recorded at. The account's owner may move it by an
operation signed with a rotation key, so the demo does just that: the log stays a true proof of the
document, wherever the demo host listens, and the DID and its signing key stay the recorded ones.
Source: https://web.plc.directory/spec/v0.1/did-plc
"""

from __future__ import annotations

import base64
from datetime import datetime, timedelta
from typing import Any

from backup_agent.demo.k256 import K256Key
from backup_agent.demo.recording import Json
from pail import DAG_CBOR, cid_of, encode_dag_cbor

_CONTEXT = [
    "https://www.w3.org/ns/did/v1",
    "https://w3id.org/security/multikey/v1",
    "https://w3id.org/security/suites/secp256k1-2019/v1",
]


def moved(log: list[Json], rotation_key: K256Key, endpoint: str) -> list[Json]:
    """`log` with one more operation that names `endpoint` as the account's PDS."""
    pds = {"type": "AtprotoPersonalDataServer", "endpoint": endpoint}
    return updated(log, rotation_key, services={"atproto_pds": pds})


def updated(log: list[Json], rotation_key: K256Key, **changes: Any) -> list[Json]:
    """`log`, an audit log, with one more operation that makes these `changes`, a second after the last."""
    last = log[-1]
    operation = last["operation"] | changes | {"prev": last["cid"]}
    del operation["sig"]
    signature = rotation_key.sign(encode_dag_cbor(operation))
    operation["sig"] = base64.urlsafe_b64encode(signature).decode().rstrip("=")
    cid = cid_of(DAG_CBOR, encode_dag_cbor(operation))
    at = datetime.fromisoformat(last["createdAt"]) + timedelta(seconds=1)
    created_at = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    entry = {"operation": operation, "cid": str(cid), "nullified": False, "createdAt": created_at}
    return [*log, {"did": last["did"], **entry}]


def document(log: list[Json]) -> Json:
    """The DID document that `log` proves, in the public directory's form."""
    did, operation = log[-1]["did"], log[-1]["operation"]
    return {
        "@context": _CONTEXT,
        "id": did,
        "alsoKnownAs": operation["alsoKnownAs"],
        "verificationMethod": [
            {
                "id": f"{did}#{name}",
                "type": "Multikey",
                "controller": did,
                "publicKeyMultibase": key.removeprefix("did:key:"),
            }
            for name, key in operation["verificationMethods"].items()
        ],
        "service": [
            {"id": f"#{name}", "type": service["type"], "serviceEndpoint": service["endpoint"]}
            for name, service in operation["services"].items()
        ],
    }
