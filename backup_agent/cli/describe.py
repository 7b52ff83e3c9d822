"""Snapshots as JSON and as lines for people: one form, whichever command shows them."""

from __future__ import annotations

from typing import Any

from backup_agent.catalogue import Snapshot, claimed_handle
from backup_agent.cli.output import size_text
from pail import PailError, Reader, run
from space import SpaceError


def handle_of(snapshot: Snapshot, get: Reader) -> str | None:
    """The handle claimed when the snapshot was made; None if there was none, or it is damaged here."""
    try:
        return run(claimed_handle(snapshot), get)
    except (PailError, SpaceError):
        return None


def summary(snapshot: Snapshot, get: Reader) -> dict[str, Any]:
    """A snapshot in one row."""
    backup, certificate = snapshot.backup, snapshot.certificate
    return {
        "account": backup.account,
        "handle": handle_of(snapshot, get),
        "timestamp": backup.created_at,
        "rev": backup.rev,
        "commit": str(backup.repo),
        "backup": str(snapshot.cid),
        "records": certificate.records,
        "blobs": certificate.blobs,
        "blobBytes": certificate.blob_bytes,
        "missing": len(certificate.missing),
    }


def details(snapshot: Snapshot, get: Reader) -> dict[str, Any]:
    """A snapshot with its certificate."""
    backup, certificate = snapshot.backup, snapshot.certificate
    return summary(snapshot, get) | {
        "identity": str(backup.identity),
        "preferences": None if backup.preferences is None else str(backup.preferences),
        "conversations": None if backup.conversations is None else str(backup.conversations),
        "certificate": {
            "agent": certificate.agent,
            "signingKey": certificate.signing_key,
            "verifiedAt": certificate.verified_at,
            "missing": certificate.missing,
            "excluded": certificate.excluded,
            "previous": None if certificate.previous is None else str(certificate.previous),
        },
    }


def counts_line(snapshot: Snapshot) -> str:
    """`302 records, 6 blobs (2.7 MB), none missing`."""
    certificate = snapshot.certificate
    missing = f"{len(certificate.missing):,}" if certificate.missing else "none"
    size = size_text(certificate.blob_bytes)
    return f"{certificate.records:,} records, {certificate.blobs:,} blobs ({size}), {missing} missing"


def shortcoming_lines(snapshot: Snapshot) -> list[str]:
    """What the snapshot lacks and why, a line each; at most ten blobs are named."""
    certificate = snapshot.certificate
    lines = [f"missing blob {cid}: {cause}" for cid, cause in list(certificate.missing.items())[:10]]
    if len(certificate.missing) > 10:
        lines.append(f"… and {len(certificate.missing) - 10} more missing blobs (all of them: --json)")
    return lines + [_excluded_line(snapshot, what, why) for what, why in certificate.excluded.items()]


def _excluded_line(snapshot: Snapshot, what: str, why: str) -> str:
    """Preferences that could not be asked for anew are there all the same if there were some before."""
    why = why.replace("(skypail login)", f"(`skypail login {snapshot.backup.account}`)")
    if what == "preferences" and snapshot.backup.preferences is not None:
        return f"preferences are those of an earlier snapshot: {why}"
    return f"not included: {what}: {why}"
