"""The DID document: which key signs an account's repository, and which host serves it (T6).

Parts of the document that atproto does not use are not judged. A document may hold the signing
key as a Multikey or, from before 2023, as a bare point whose curve is in the method's type.

Source: https://atproto.com/specs/did, https://www.w3.org/TR/did-core/
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, cast

from backup_agent.atproto.errors import BadDidDocument, InvalidSyntax, NoPds, NoSigningKey
from backup_agent.atproto.strict_json import decode_json
from backup_agent.atproto.syntax import parse_handle
from ucan import (
    ED25519,
    P256,
    SECP256K1,
    InvalidPrincipal,
    PublicKey,
    format_did_key,
    parse_bare_point,
    parse_multikey,
)

MAX_DOCUMENT_BYTES = 256 << 10
"""Real ones have about one kilobyte."""

_LEGACY_CURVES = {
    "EcdsaSecp256k1VerificationKey2019": SECP256K1,
    "EcdsaSecp256r1VerificationKey2019": P256,
}
_PDS_TYPE = "AtprotoPersonalDataServer"
_LOOPBACK = re.compile(r"localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\]", re.IGNORECASE)
_ORIGIN = re.compile(r"(https?)://([A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?/?")


@dataclass(frozen=True, slots=True)
class DidDocument:
    """What a DID document says that atproto needs."""

    did: str
    handle: str | None
    """The first claimed, in lower case. The handle must point back to be believed."""
    signing_key: str
    """A did:key, secp256k1 or P-256."""
    pds: str
    """An origin, `https://host[:port]`; `http` for loopback hosts alone."""


def decode_did_document(did: str, data: bytes) -> DidDocument:
    """The document `data` of the account `did`, JSON as received.

    Raises NoSigningKey, NoPds or, for all else, BadDidDocument.
    """
    try:
        document = decode_json(data, max_bytes=MAX_DOCUMENT_BYTES)
    except ValueError as error:
        raise BadDidDocument(did, f"not JSON: {error}") from error
    if not isinstance(document, dict):
        raise BadDidDocument(did, "it is no JSON object")
    fields = cast(dict[str, Any], document)
    if fields.get("id") != did:
        raise BadDidDocument(did, f"it is the document of {fields.get('id')!r:.100}")
    names = _list(did, fields, "alsoKnownAs")
    return DidDocument(did, claimed_handle(names), _signing_key(did, fields), _pds(did, fields))


def claimed_handle(also_known_as: list[Any]) -> str | None:
    """The first name of the form `at://handle`, in lower case; None if there is none."""
    for name in also_known_as:
        if isinstance(name, str) and name.startswith("at://"):
            try:
                return parse_handle(name.removeprefix("at://"))
            except InvalidSyntax:
                continue
    return None


def parse_pds_origin(text: str) -> str:
    """The origin of a PDS, without a trailing slash. Raises ValueError.

    Whether a host may be connected to is the network guard's question, not asked here.
    """
    match = _ORIGIN.fullmatch(text)
    if not match:
        raise ValueError(f"not an https URL of a host alone: {text[:200]!r}")
    scheme, host, port = match.groups()
    if scheme == "http" and not _LOOPBACK.fullmatch(host):
        raise ValueError(f"not https: {text[:200]!r}")
    if port and int(port[1:]) > 65535:
        raise ValueError(f"not a port: {text[:200]!r}")
    return text.rstrip("/").lower()


def _signing_key(did: str, document: dict[str, Any]) -> str:
    method = _find(did, document, "verificationMethod", "#atproto")
    if method is None:
        raise NoSigningKey(did, "it names no key #atproto")
    if method.get("controller") != did:
        raise BadDidDocument(did, f"its key #atproto is controlled by {method.get('controller')!r:.100}")
    kind, text = method.get("type"), method.get("publicKeyMultibase")
    if not isinstance(text, str):
        raise NoSigningKey(did, "its key #atproto has no publicKeyMultibase")
    try:
        key = _parse_key(kind, text)
    except InvalidPrincipal as error:
        raise NoSigningKey(did, f"its key #atproto is unusable: {error}") from error
    return format_did_key(key)


def _parse_key(kind: Any, text: str) -> PublicKey:
    if isinstance(kind, str) and kind in _LEGACY_CURVES:
        return parse_bare_point(_LEGACY_CURVES[kind], text)
    if kind != "Multikey":
        raise InvalidPrincipal(f"of type {kind!r:.100}")
    key = parse_multikey(text)
    if key.codec == ED25519:
        raise InvalidPrincipal("atproto does not sign with Ed25519")
    return key


def _pds(did: str, document: dict[str, Any]) -> str:
    service = _find(did, document, "service", "#atproto_pds")
    if service is None:
        raise NoPds(did, "it names no service #atproto_pds")
    endpoint = service.get("serviceEndpoint")
    if service.get("type") != _PDS_TYPE or not isinstance(endpoint, str):
        raise NoPds(did, f"its service #atproto_pds is no {_PDS_TYPE} with a URL")
    try:
        return parse_pds_origin(endpoint)
    except ValueError as error:
        raise NoPds(did, f"its service #atproto_pds is {error}") from error


def _find(did: str, document: dict[str, Any], name: str, fragment: str) -> dict[str, Any] | None:
    """The first item of a list whose id is `fragment`, bare or behind the DID."""
    for item in _list(did, document, name):
        if not isinstance(item, dict):
            raise BadDidDocument(did, f"its {name} holds something else than objects")
        fields = cast(dict[str, Any], item)
        if fields.get("id") in (fragment, did + fragment):
            return fields
    return None


def _list(did: str, document: dict[str, Any], name: str) -> list[Any]:
    value = document.get(name)
    if value is not None and not isinstance(value, list):
        raise BadDidDocument(did, f"its {name} is no list")
    return cast(list[Any], value or [])
