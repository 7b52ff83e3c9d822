"""The certificate: what was proved of a snapshot, and by whom. Anyone can check it offline.

The signature covers `subject`, the hash of the Backup that the certificate belongs to, so that
no certificate can be moved to another Backup.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from backup_agent.snapshot.backup import Backup
from pail import CID, Block, DecodeError, Value, decode_dag_cbor, encode_block, encode_dag_cbor
from pail.fields import Fields
from ucan import Signer, UcanError, Verifier

MAX_MISSING = 40_000
"""Blobs that a certificate may name as missing; more with their causes do not fit one block."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """What the agent proved before it recorded the snapshot."""

    agent: str
    """did:key of the agent that made it."""
    subject: bytes
    """SHA2-256 of the DAG-CBOR of the Backup without its certificate."""
    signing_key: str
    """did:key that the commit verified under."""
    verified_at: str
    """When, as a timestamp."""
    records: int
    blobs: int
    """Blobs stored, by distinct CID."""
    blob_bytes: int
    missing: dict[str, str] = field(default_factory=dict[str, str])
    """CID of each blob that could not be had -> cause, as the host gave it."""
    excluded: dict[str, str] = field(default_factory=dict[str, str])
    """What was not asked for or not permitted -> why."""
    previous: CID | None = None
    """The Backup before this one: a weak link."""

    def payload(self) -> dict[str, Value]:
        """The map that is signed."""
        payload: dict[str, Value] = {
            "agent": self.agent,
            "subject": self.subject,
            "signingKey": self.signing_key,
            "verifiedAt": self.verified_at,
            "records": self.records,
            "blobs": self.blobs,
            "blobBytes": self.blob_bytes,
            "missing": self.missing,
            "excluded": self.excluded,
        }
        return payload if self.previous is None else payload | {"previous": self.previous}


def issue_certificate(certificate: Certificate, signer: Signer) -> Block:
    """The block of `certificate`, signed by the agent that it names."""
    assert certificate.agent == signer.did
    payload = certificate.payload()
    return encode_block(payload | {"sig": signer.sign(encode_dag_cbor(payload))})


def decode_certificate(data: bytes) -> tuple[Certificate, bytes]:
    """A certificate and its signature, which is not checked here. Raises DecodeError."""
    fields = Fields("Certificate", decode_dag_cbor(data))
    certificate = Certificate(
        agent=fields.take("agent", str),
        subject=fields.take("subject", bytes),
        signing_key=fields.take("signingKey", str),
        verified_at=fields.take("verifiedAt", str),
        records=fields.count("records"),
        blobs=fields.count("blobs"),
        blob_bytes=fields.count("blobBytes"),
        missing=fields.take_texts("missing", MAX_MISSING),
        excluded=fields.take_texts("excluded", MAX_MISSING),
        previous=fields.take_optional("previous", CID),
    )
    sig = fields.take("sig", bytes)
    fields.done()
    return certificate, sig


def verify_certificate(data: bytes, backup: Backup) -> Certificate:
    """The certificate in `data`, proved to be its agent's word about `backup` and no other.

    Raises DecodeError if it is malformed, about another Backup, or not signed by its agent.
    """
    certificate, sig = decode_certificate(data)
    if certificate.subject != backup.subject():
        raise DecodeError("the certificate is about another Backup")
    try:
        Verifier.parse(certificate.agent).verify_varsig(encode_dag_cbor(certificate.payload()), sig)
    except UcanError as error:
        raise DecodeError(f"the certificate is not signed by {certificate.agent}: {error}") from error
    return certificate
