"""One signed operation of a did:plc.

Three kinds: `plc_operation`, which states everything anew; `plc_tombstone`, which ends the DID;
and `create`, the genesis of accounts from before 2023, which is read as the operation that it
stood for. The bytes signed and hashed are always those of the operation as it was written.

Source: https://web.plc.directory/spec/v0.1/did-plc
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any, cast

from pail import CID, DAG_CBOR, DecodeError, cid_of, encode_dag_cbor, parse_cid
from ucan import ED25519, BadSignature, InvalidPrincipal, Verifier

MAX_OPERATION_BYTES = 16 << 10
"""As DAG-CBOR. The directory takes 7,500 bytes now; it took more before."""

MAX_ROTATION_KEYS = 16
"""Keys that may be tried on one signature; the directory takes 5 now, 10 at most before."""

_FIELDS = {
    "plc_operation": {
        "type",
        "rotationKeys",
        "verificationMethods",
        "alsoKnownAs",
        "services",
        "prev",
        "sig",
    },
    "plc_tombstone": {"type", "prev", "sig"},
    "create": {"type", "signingKey", "recoveryKey", "handle", "service", "prev", "sig"},
}


@dataclass(frozen=True, slots=True)
class Service:
    """A service that an operation names."""

    type: str
    endpoint: str


@dataclass(frozen=True, slots=True)
class Operation:
    """A well-formed operation; who signed it is for `signer_of` to say."""

    cid: CID
    previous: CID | None
    tombstone: bool
    rotation_keys: tuple[str, ...]
    """did:keys, the most authoritative first."""
    verification_methods: dict[str, str]
    also_known_as: tuple[str, ...]
    services: dict[str, Service]
    signature: bytes
    signed: bytes
    """What the signature covers."""

    def signer_of(self, keys: tuple[str, ...]) -> int | None:
        """The number of the first of `keys` that signed this; None if none did."""
        for number, key in enumerate(keys):
            try:
                Verifier.parse(key).verify(self.signed, self.signature)
            except BadSignature:
                continue
            return number
        return None


def genesis_did(operation: Operation) -> str:
    """The did:plc that begins with `operation`: 24 letters of its hash."""
    digest = base64.b32encode(operation.cid[-32:]).decode().lower()
    return "did:plc:" + digest[:24]


def parse_operation(value: Any) -> Operation:
    """The operation of a JSON value. Raises ValueError that says what is wrong."""
    fields = _object(value, "operation")
    kind = fields.get("type")
    if not isinstance(kind, str) or kind not in _FIELDS:
        raise ValueError(f"of unknown type {kind!r:.80}")
    if set(fields) != _FIELDS[kind]:
        raise ValueError(f"{kind} has not exactly the fields {', '.join(sorted(_FIELDS[kind]))}")
    state = _state(kind, fields)
    previous, signature = _previous(kind, fields["prev"]), _signature(fields["sig"])
    rotation_keys = _rotation_keys(state["rotationKeys"])
    methods = _texts(state["verificationMethods"], "verificationMethods")
    names, services = _text_list(state["alsoKnownAs"], "alsoKnownAs"), _services(state["services"])
    encoded = encode_dag_cbor(fields)  # by now it is known to be made of text
    if len(encoded) > MAX_OPERATION_BYTES:
        raise ValueError(f"{len(encoded)} bytes; the limit is {MAX_OPERATION_BYTES}")
    return Operation(
        cid=cid_of(DAG_CBOR, encoded),
        previous=previous,
        tombstone=kind == "plc_tombstone",
        rotation_keys=rotation_keys,
        verification_methods=methods,
        also_known_as=tuple(names),
        services=services,
        signature=signature,
        signed=encode_dag_cbor({name: field for name, field in fields.items() if name != "sig"}),
    )


def _state(kind: str, fields: dict[str, Any]) -> dict[str, Any]:
    """What an operation states, in the fields of a `plc_operation`, not yet looked at."""
    if kind == "create":
        return _legacy_state(fields)
    if kind == "plc_tombstone":
        return {"rotationKeys": [], "verificationMethods": {}, "alsoKnownAs": [], "services": {}}
    return fields


def _legacy_state(fields: dict[str, Any]) -> dict[str, Any]:
    """What a `create` stood for. The recovery key outranks the signing key."""
    names = ("signingKey", "recoveryKey", "handle", "service")
    signing, recovery, handle, service = (_text(fields[name], name) for name in names)
    endpoint = service if service.startswith(("http://", "https://")) else "https://" + service
    return {
        "rotationKeys": [recovery, signing],
        "verificationMethods": {"atproto": signing},
        "alsoKnownAs": ["at://" + handle.removeprefix("at://")],
        "services": {"atproto_pds": {"type": "AtprotoPersonalDataServer", "endpoint": endpoint}},
    }


def _previous(kind: str, value: Any) -> CID | None:
    if value is None and kind != "plc_tombstone":
        return None
    if kind == "create":
        raise ValueError("create has a prev, and it can only be the first")
    try:
        return parse_cid(_text(value, "prev"))
    except DecodeError as error:
        raise ValueError(f"its prev is {error}") from error


def _signature(value: Any) -> bytes:
    """Base64url without padding, and no other text for the same bytes."""
    text = _text(value, "sig")
    try:
        signature = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("its sig is no base64url") from error
    if base64.urlsafe_b64encode(signature).decode().rstrip("=") != text:
        raise ValueError("its sig is not the canonical base64url without padding")
    return signature


def _rotation_keys(value: Any) -> tuple[str, ...]:
    keys = _text_list(value, "rotationKeys")
    if len(keys) > MAX_ROTATION_KEYS:
        raise ValueError(f"{len(keys)} rotation keys; the limit is {MAX_ROTATION_KEYS}")
    for key in keys:
        try:
            codec = Verifier.parse(key).public_key.codec
        except InvalidPrincipal as error:
            raise ValueError(f"a rotation key is unusable: {error}") from error
        if codec == ED25519:
            raise ValueError(f"a rotation key is of a kind that did:plc does not have: {key}")
    return tuple(keys)


def _services(value: Any) -> dict[str, Service]:
    services: dict[str, Service] = {}
    for name, item in _object(value, "services").items():
        fields = _texts(item, "services")
        if set(fields) != {"type", "endpoint"}:
            raise ValueError(f"its service {name!r:.80} has not exactly the fields endpoint, type")
        services[name] = Service(fields["type"], fields["endpoint"])
    return services


def _texts(value: Any, name: str) -> dict[str, str]:
    return {key: _text(field, name) for key, field in _object(value, name).items()}


def _text_list(value: Any, name: str) -> list[str]:
    if not isinstance(value, list):
        raise ValueError(f"its {name} is no list")
    return [_text(item, name) for item in cast(list[Any], value)]


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"its {name} holds something else than text")
    return value


def _object(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"its {name} is no object")
    return cast(dict[str, Any], value)
