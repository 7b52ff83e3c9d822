"""What a restored folder says of itself: certificate.json for programs, README.txt for people."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from backup_agent.catalogue import Snapshot
from pail import CID, Value, decode_dag_cbor

MAX_NAMED = 20
"""Blobs that README.txt names one by one; certificate.json has them all."""

_FILES = {
    "repo.car": "every record, signed by the account's key; com.atproto.repo.importRepo takes it",
    "blobs": "images and videos, named by the CID that records link",
    "identity/did.json": "who the account was: its DID document",
    "identity/plc-audit.json": "the log of the PLC directory, which proves the DID document",
    "preferences.json": "private settings",
    "preferences.age": "private settings, sealed: see below",
    "certificate.json": "what was proved when the backup was made, by whom, and what is missing here",
}

_SEALED = """
preferences.age is sealed. Run `skypail key --out KEY` where the backup was made, then
`age --decrypt -i KEY preferences.age` (https://age-encryption.org).
"""


def certificate_json(
    snapshot: Snapshot,
    backup_block: bytes,
    certificate_block: bytes,
    handle: str | None,
    damaged: Mapping[str, str],
) -> bytes:
    """certificate.json: both blocks field by field, so that anyone can encode and check them again.

    Source: spec/backup.md, Restored folder.
    """
    document = {
        "snapshot": str(snapshot.cid),
        "handle": handle,
        "backup": _fields(backup_block),
        "certificate": _fields(certificate_block),
        "restore": {"doubt": snapshot.doubt, "damaged": damaged},
    }
    return json.dumps(document, indent=2, ensure_ascii=False).encode() + b"\n"


def readme(snapshot: Snapshot, handle: str | None, damaged: Mapping[str, str], folder: Path) -> bytes:
    """README.txt of `folder`, for whoever finds it: it lists what is there."""
    name = f"{snapshot.backup.account} ({handle})" if handle else snapshot.backup.account
    there = {
        file: what for file, what in _FILES.items() if file == "certificate.json" or (folder / file).exists()
    }
    width = max(map(len, there))
    text = f"Backup of the AT Protocol (Bluesky) account {name}\nas of {snapshot.backup.created_at}"
    text += ", written by skypail.\n\n"
    text += "".join(f"{file.ljust(width)}  {what}\n" for file, what in there.items())
    text += _SEALED if "preferences.age" in there else ""
    text += f"\nNot to be believed: {snapshot.doubt}.\n" if snapshot.doubt else ""
    text += _list("Could not be had when the backup was made", snapshot.certificate.missing)
    return (text + _list("Damaged in the backup, so not here", damaged)).encode()


def _fields(block: bytes) -> dict[str, Any]:
    fields = cast(dict[str, Value], decode_dag_cbor(block))  # it was read as a Backup or a certificate
    return {name: _text(name, value) for name, value in fields.items()}


def _text(name: str, value: Value) -> Any:
    """Links as their text, `subject` in hex as hashes are shown, other bytes in base64."""
    if isinstance(value, CID):
        return str(value)
    if isinstance(value, bytes):
        return value.hex() if name == "subject" else base64.b64encode(value).decode()
    return value


def _list(title: str, causes: Mapping[str, str]) -> str:
    if not causes:
        return ""
    lines = [f"  {name}: {cause}\n" for name, cause in list(causes.items())[:MAX_NAMED]]
    rest = len(causes) - len(lines)
    return f"\n{title}:\n" + "".join(lines) + (f"  … and {rest:,} more: certificate.json\n" if rest else "")
