"""The Backup: the root block of one snapshot, and the identity block that it links."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from backup_agent.snapshot.keys import parse_timestamp
from pail import CID, Block, DecodeError, Value, decode_dag_cbor, encode_block, encode_dag_cbor
from pail.fields import Fields

VERSION = 1


@dataclass(frozen=True, slots=True)
class Backup:
    """Everything that one snapshot holds, by link."""

    account: str
    """The account's DID."""
    created_at: str
    """The timestamp of its key."""
    repo: CID
    """The repository's commit block."""
    rev: str
    """The commit's TID."""
    blobs: CID
    """A pail: the text of a blob's CID, as records link it, to the root of its UnixFS file."""
    identity: CID
    preferences: CID | None = None
    """A raw block, an age file with the preferences' JSON."""
    conversations: CID | None = None
    """A raw block, an age file with a JSON line for each message."""

    def subject(self) -> bytes:
        """What a certificate is about: the SHA2-256 of this Backup without its certificate."""
        return hashlib.sha256(encode_dag_cbor(self.fields())).digest()

    def fields(self) -> dict[str, Value]:
        """The map that is encoded, but for the certificate."""
        fields: dict[str, Value] = {
            "version": VERSION,
            "account": self.account,
            "createdAt": self.created_at,
            "repo": self.repo,
            "rev": self.rev,
            "blobs": self.blobs,
            "identity": self.identity,
        }
        optional = {"preferences": self.preferences, "conversations": self.conversations}
        return fields | {name: link for name, link in optional.items() if link is not None}


@dataclass(frozen=True, slots=True)
class Identity:
    """The account's identity as received: raw blocks of JSON."""

    did_document: CID
    plc_log: CID | None
    """The PLC directory's audit log; None for a did:web."""


def encode_backup(backup: Backup, certificate: CID) -> Block:
    """The block of `backup` with its certificate."""
    return encode_block(backup.fields() | {"certificate": certificate})


def decode_backup(data: bytes) -> tuple[Backup, CID]:
    """A Backup and the CID of its certificate. Raises DecodeError for any other block."""
    fields = Fields("Backup", decode_dag_cbor(data))
    if fields.take("version", int) != VERSION:
        raise DecodeError("this Backup has a version that this skypail does not know; a newer one may")
    backup = Backup(
        account=fields.take("account", str),
        created_at=fields.take("createdAt", str),
        repo=fields.take("repo", CID),
        rev=fields.take("rev", str),
        blobs=fields.take("blobs", CID),
        identity=fields.take("identity", CID),
        preferences=fields.take_optional("preferences", CID),
        conversations=fields.take_optional("conversations", CID),
    )
    certificate = fields.take("certificate", CID)
    fields.done()
    parse_timestamp(backup.created_at)
    return backup, certificate


def encode_identity(identity: Identity) -> Block:
    """The block of `identity`; the same JSON always gives the same CID."""
    optional = {} if identity.plc_log is None else {"plcLog": identity.plc_log}
    return encode_block({"didDocument": identity.did_document} | optional)


def decode_identity(data: bytes) -> Identity:
    """The links of an identity block. Raises DecodeError."""
    fields = Fields("Identity", decode_dag_cbor(data))
    identity = Identity(fields.take("didDocument", CID), fields.take_optional("plcLog", CID))
    fields.done()
    return identity
