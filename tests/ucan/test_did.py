"""Principals' bytes: one form for each DID."""

import pytest

from pail.varint import encode_varint
from tests.ucan.people import AGENT
from ucan import InvalidPrincipal, decode_did, encode_did, is_did

OTHER = encode_varint(0x0D1D)


@pytest.mark.parametrize(
    "did",
    [
        AGENT.did,
        "did:web:clock.example.com",
        "did:web:localhost%3A3000",
        "did:mailto:example.com:al'ice+tag",
        "did:plc:z5vnbioquyhivxirw3bbljmu",
    ],
)
def test_comes_back(did: str) -> None:
    assert decode_did(encode_did(did)) == did


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xed",
        OTHER,
        OTHER + b"web",
        OTHER + b"web:",
        OTHER + b"web:a b",
        OTHER + b"web:\xff",
        OTHER + AGENT.did.removeprefix("did:").encode(),
        b"\xed\x81\x00" + bytes(32),
        b"\xed\x01" + bytes(31),
        b"\xed\x01" + bytes(33),
        encode_varint(0xEB) + bytes(96),
        OTHER + b"web:" + b"a" * 2000,
    ],
)
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(InvalidPrincipal):
        decode_did(data)


@pytest.mark.parametrize("did", ["", "did:", "did:web:", "web:a", "did:WEB:a", "did:key:zabc", "did:web:a/b"])
def test_other_texts_are_refused(did: str) -> None:
    with pytest.raises(InvalidPrincipal):
        encode_did(did)


def test_a_resource_is_told_from_a_url() -> None:
    assert is_did(AGENT.did)
    assert not is_did("https://example.com/")
