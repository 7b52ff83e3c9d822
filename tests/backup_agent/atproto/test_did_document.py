"""DID documents: the published ones, and what must not pass for one."""

import json
from typing import Any

import pytest

from backup_agent.atproto.did_document import MAX_DOCUMENT_BYTES, DidDocument, decode_did_document
from backup_agent.atproto.errors import BadDidDocument, NoPds, NoSigningKey
from tests.backup_agent.atproto.trees import VECTORS

DID = "did:plc:ewvi7nxzyoun6zhxrhs64oiz"
KEY = "zQ3shXjHeiBuRCKmM36cuYnm7YEMzhGnCmCyW92sRJ9pribSF"
IDENTITIES = VECTORS / "indigo/atproto/identity/testdata"


def decode(**changed: Any) -> DidDocument:
    """The published document with some fields changed."""
    document = json.loads((IDENTITIES / "did_plc_doc.json").read_bytes()) | changed
    return decode_did_document(DID, json.dumps(document).encode())


def method(**changed: Any) -> list[dict[str, Any]]:
    return [{"id": "#atproto", "type": "Multikey", "controller": DID, "publicKeyMultibase": KEY} | changed]


def service(**changed: Any) -> list[dict[str, Any]]:
    pds = {"id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": "https://a.example"}
    return [pds | changed]


@pytest.mark.parametrize("name", ["did_plc_doc.json", "did_plc_doc_legacy.json"])
def test_both_forms_of_a_key_are_read(name: str) -> None:
    document = decode_did_document(DID, (IDENTITIES / name).read_bytes())
    assert document == DidDocument(DID, "atproto.com", f"did:key:{KEY}", "https://bsky.social")


def test_a_document_without_a_key_has_none() -> None:
    with pytest.raises(NoSigningKey):
        decode_did_document("did:web:discover.bsky.social", (IDENTITIES / "did_web_doc.json").read_bytes())


def test_another_accounts_document_is_refused() -> None:
    with pytest.raises(BadDidDocument, match="document of 'did:plc:other'"):
        decode(id="did:plc:other")


@pytest.mark.parametrize(
    "methods",
    [
        None,
        [],
        method(id="#other"),
        method(id="did:plc:other#atproto"),
        method(type="JsonWebKey2020"),
        method(publicKeyMultibase="zQ3shXjHeiBuRCKmM36"),
        method(publicKeyMultibase=None),
        method(publicKeyMultibase="z6MkkzVdCuTQ4kd2dG7eYnuKoREiQmroEEmD2Yr5sXp83Tsx"),  # Ed25519
        method(type="EcdsaSecp256r1VerificationKey2019"),
    ],
)
def test_no_usable_key_is_said_so(methods: Any) -> None:
    with pytest.raises(NoSigningKey):
        decode(verificationMethod=methods)


def test_a_key_that_another_controls_is_refused() -> None:
    with pytest.raises(BadDidDocument, match="controlled by 'did:plc:other'"):
        decode(verificationMethod=method(controller="did:plc:other"))


@pytest.mark.parametrize(
    ("endpoint", "origin"),
    [
        ("https://PDS.example.com/", "https://pds.example.com"),
        ("https://pds.example.com:8443", "https://pds.example.com:8443"),
        ("http://localhost:2583", "http://localhost:2583"),
        ("http://127.0.0.1:2583", "http://127.0.0.1:2583"),
        ("http://[::1]:2583", "http://[::1]:2583"),
    ],
)
def test_a_hosts_origin_is_taken(endpoint: str, origin: str) -> None:
    assert decode(service=service(id=f"{DID}#atproto_pds", serviceEndpoint=endpoint)).pds == origin


@pytest.mark.parametrize(
    "endpoint",
    [
        None,
        {"uri": "https://a.example"},
        "http://a.example",
        "http://127.0.0.1.a.example",
        "http://localhost.a.example",
        "https://a.example/path",
        "https://a.example?q",
        "https://a.example#f",
        "https://user@a.example",
        "https://a.example:99999",
        "https://a.exa\tmple",
        "https://a.example\n",
        "ftp://a.example",
        "https://",
        "a.example",
    ],
)
def test_what_is_no_https_origin_is_refused(endpoint: Any) -> None:
    with pytest.raises(NoPds):
        decode(service=service(serviceEndpoint=endpoint))


@pytest.mark.parametrize("services", [None, [], service(id="#other"), service(type="Other")])
def test_no_usable_host_is_said_so(services: Any) -> None:
    with pytest.raises(NoPds):
        decode(service=services)


@pytest.mark.parametrize(
    ("names", "handle"),
    [
        ([], None),
        (None, None),
        (["https://a.example", "at://not a handle", "at://B.example", "at://c.example"], "b.example"),
        ([7, "at://a.example"], "a.example"),
    ],
)
def test_the_first_handle_claimed_counts(names: Any, handle: str | None) -> None:
    assert decode(alsoKnownAs=names).handle == handle


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"\xff",
        b'{"id":NaN}',
        b'{"id":"\\ud800"}',
        b'{"id":1,"id":2}',
        b"[" * 100_000,
        b"[" * 40 + b"]" * 40,
        b'{"id":' + b"9" * 5000 + b"}",
        b" " * (MAX_DOCUMENT_BYTES + 1),
        b'{"id":"' + DID.encode() + b'","service":{}}',
        b'{"id":"' + DID.encode() + b'","verificationMethod":["#atproto"]}',
    ],
    ids=lambda data: data[:12],
)
def test_bytes_that_are_no_document_are_refused(data: bytes) -> None:
    with pytest.raises(BadDidDocument):
        decode_did_document(DID, data)
