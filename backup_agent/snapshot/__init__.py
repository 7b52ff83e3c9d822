"""The formats of a snapshot: its key in the pail, its Backup, the certificate of what was proved. Pure."""

from backup_agent.snapshot.backup import (
    Backup,
    Identity,
    decode_backup,
    decode_identity,
    encode_backup,
    encode_identity,
)
from backup_agent.snapshot.certificate import (
    Certificate,
    decode_certificate,
    issue_certificate,
    verify_certificate,
)
from backup_agent.snapshot.keys import backups_prefix, format_timestamp, parse_backup_key, snapshot_key

__all__ = [
    "Backup",
    "Certificate",
    "Identity",
    "backups_prefix",
    "decode_backup",
    "decode_certificate",
    "decode_identity",
    "encode_backup",
    "encode_identity",
    "format_timestamp",
    "issue_certificate",
    "parse_backup_key",
    "snapshot_key",
    "verify_certificate",
]
