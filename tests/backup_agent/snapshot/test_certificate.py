"""Backups and certificates: what is signed, and what is refused."""

from dataclasses import replace
from typing import Any

import pytest

from backup_agent.snapshot import (
    Backup,
    Certificate,
    decode_backup,
    encode_backup,
    issue_certificate,
    verify_certificate,
)
from pail import RAW, DecodeError, cid_of, decode_dag_cbor, encode_dag_cbor
from ucan import Signer

SIGNER = Signer.from_seed(b"s" * 32)
LINK = cid_of(RAW, b"anything")
BACKUP = Backup("did:plc:a", "2026-11-20T21:47:00.000Z", LINK, "3kaaaaaaaaa2a", LINK, LINK)
CERTIFICATE = Certificate(
    agent=SIGNER.did,
    subject=BACKUP.subject(),
    signing_key="did:key:zQ3",
    verified_at="2026-11-20T21:47:00.000Z",
    records=3,
    blobs=2,
    blob_bytes=10,
    missing={str(LINK): "gone"},
    excluded={"preferences": "nobody asked"},
    previous=LINK,
)
BLOCK = issue_certificate(CERTIFICATE, SIGNER)


def changed(data: bytes, **fields: Any) -> bytes:
    return encode_dag_cbor(decode_dag_cbor(data) | fields)


def test_a_certificate_is_read_as_it_was_issued() -> None:
    assert verify_certificate(BLOCK.data, BACKUP) == CERTIFICATE


def test_a_certificate_speaks_of_its_backup_alone() -> None:
    with pytest.raises(DecodeError, match="another Backup"):
        verify_certificate(BLOCK.data, replace(BACKUP, rev="3kaaaaaaaaa2b"))


@pytest.mark.parametrize(
    "fields",
    [
        {"records": 4},
        {"missing": {}},
        {"signingKey": "did:key:zDn"},
        {"agent": Signer.from_seed(b"t" * 32).did},
    ],
)
def test_a_changed_certificate_is_not_signed(fields: dict[str, Any]) -> None:
    with pytest.raises(DecodeError, match="not signed by"):
        verify_certificate(changed(BLOCK.data, **fields), BACKUP)


@pytest.mark.parametrize(
    "fields",
    [
        {"records": -1},
        {"records": True},
        {"records": "3"},
        {"missing": {"a": 1}},
        {"sig": LINK},
        {"extra": 1},
    ],
)
def test_a_malformed_certificate_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(DecodeError, match="Certificate"):
        verify_certificate(changed(BLOCK.data, **fields), BACKUP)


def test_a_backup_is_read_as_it_was_written() -> None:
    full = replace(BACKUP, preferences=LINK, conversations=LINK)
    for backup in (BACKUP, full):
        assert decode_backup(encode_backup(backup, BLOCK.cid).data) == (backup, BLOCK.cid)


@pytest.mark.parametrize(
    "fields",
    [{"version": 2}, {"createdAt": "yesterday"}, {"repo": b"bytes"}, {"extra": 1}, {"preferences": None}],
)
def test_a_malformed_backup_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(DecodeError):
        decode_backup(changed(encode_backup(BACKUP, BLOCK.cid).data, **fields))


@pytest.mark.parametrize("data", [b"", b"\xa0", b"\x80", b"\xff"])
def test_other_bytes_are_no_backup(data: bytes) -> None:
    with pytest.raises(DecodeError):
        decode_backup(data)
