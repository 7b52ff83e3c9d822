"""`skypail snapshots`, `show`, `diff`, `get` and `records`: looking without changing anything."""

from __future__ import annotations

from typing import Any

from backup_agent.catalogue import Entry, Snapshot, entries, find, read_snapshot
from backup_agent.cli.describe import counts_line, details, shortcoming_lines, summary
from backup_agent.cli.output import FAILED, WHOLE, print_error, print_json, print_table, print_text, size_text
from backup_agent.cli.workbench import Workbench, account_did, workbench
from backup_agent.compare import Difference, compare
from backup_agent.records import list_records, read_record, record_path
from pail import CID, PailError, run
from space import SpaceError, Where


def snapshots(account: str | None, where: Where | None, as_json: bool) -> int:
    """One row for each snapshot; one that cannot be read is named as such, and fails the command."""
    with workbench(where, looking=True) as bench:
        head, all_here = bench.look()
        known = run(entries(head, account_did(bench, account)), bench.space.get)
        rows = [_row(bench, entry) for entry in known]
    if as_json:
        print_json({"snapshots": rows})
    elif rows:
        print_table(_COLUMNS, [_cells(row) for row in rows])
    else:
        of = f" of {account}" if account else ""
        print_text(f"No snapshots{of} in {bench.where}; `skypail backup ACCOUNT` makes one")
    damaged = [row for row in rows if "problem" in row]
    for row in damaged:
        print_error(f"{row['timestamp']} of {row['account']} cannot be read: {row['problem']}")
    return WHOLE if all_here and not damaged else FAILED


_COLUMNS = ("ACCOUNT", "TIMESTAMP", "REV", "RECORDS", "BLOBS", "SIZE", "MISSING", "BACKUP")


def _row(bench: Workbench, entry: Entry) -> dict[str, Any]:
    try:
        return summary(run(read_snapshot(entry.cid), bench.space.get), bench.space.get)
    except (PailError, SpaceError) as error:
        named = {"account": entry.account, "timestamp": entry.timestamp, "backup": str(entry.cid)}
        return named | {"problem": str(error)}


def _cells(row: dict[str, Any]) -> list[str]:
    counts = [str(row.get(name, "?")) for name in ("rev", "records", "blobs")]
    size = size_text(row["blobBytes"]) if "blobBytes" in row else "?"
    return [row["account"], row["timestamp"], *counts, size, str(row.get("missing", "?")), row["backup"]]


def show(selector: str, account: str | None, where: Where | None, as_json: bool) -> int:
    """Everything about one snapshot, as recorded."""
    with workbench(where, looking=True) as bench:
        snapshot = find_snapshot(bench, selector, account)
        document = details(snapshot, bench.space.get)
    if as_json:
        print_json(document)
        return WHOLE
    backup, certificate = snapshot.backup, snapshot.certificate
    print_text(
        f"Account      {backup.account}",
        f"Handle       {document['handle'] or 'none'}, as claimed then",
        f"Made         {backup.created_at}",
        f"Revision     {backup.rev}",
        f"Commit       {backup.repo}",
        f"Backup       {snapshot.cid}",
        f"Holds        {counts_line(snapshot)}",
        f"Preferences  {'sealed in ' + str(backup.preferences) if backup.preferences else 'none'}",
        f"Proved by    {certificate.agent} at {certificate.verified_at}",
        f"Signed by    {certificate.signing_key}",
        *shortcoming_lines(snapshot),
    )
    return WHOLE


def diff(old: str, new: str, account: str | None, where: Where | None, as_json: bool) -> int:
    """What changed from one snapshot to another, of the same account."""
    with workbench(where, looking=True) as bench:
        before, after = find_snapshot(bench, old, account), find_snapshot(bench, new, account)
        difference = compare(before, after, bench.space.get)
        compared = {"from": summary(before, bench.space.get), "to": summary(after, bench.space.get)}
    if as_json:
        print_json(compared | _difference_document(difference))
    else:
        _print_difference(difference)
    return WHOLE


def _difference_document(difference: Difference) -> dict[str, Any]:
    return {
        "records": {
            "added": [{"path": path, "cid": str(cid)} for path, cid in difference.added],
            "changed": [
                {"path": path, "from": str(before), "to": str(after)}
                for path, before, after in difference.changed
            ],
            "deleted": [{"path": path, "cid": str(cid)} for path, cid in difference.deleted],
        },
        "blobs": {
            "added": [str(cid) for cid in difference.blobs_added],
            "deleted": [str(cid) for cid in difference.blobs_deleted],
        },
    }


def _print_difference(difference: Difference) -> None:
    print_text(*(f"+ {path}  {cid}" for path, cid in difference.added))
    print_text(*(f"~ {path}  {before} -> {after}" for path, before, after in difference.changed))
    print_text(*(f"- {path}  {cid}" for path, cid in difference.deleted))
    print_text(*(f"+ blob {cid}" for cid in difference.blobs_added))
    print_text(*(f"- blob {cid}" for cid in difference.blobs_deleted))
    added, changed, deleted = len(difference.added), len(difference.changed), len(difference.deleted)
    gained, lost = len(difference.blobs_added), len(difference.blobs_deleted)
    print_text(f"Records: +{added} ~{changed} -{deleted}. Blobs: +{gained} -{lost}.")


def get(selector: str, path: str, account: str | None, where: Where | None, as_json: bool) -> int:
    """One record, as atproto writes records in JSON."""
    with workbench(where, looking=True) as bench:
        snapshot = find_snapshot(bench, selector, account)
        wanted = record_path(snapshot.backup.account, path)
        record = run(read_record(snapshot.backup.repo, wanted), bench.space.get)
    print_json({"account": snapshot.backup.account} | record if as_json else record["value"])
    return WHOLE


def records(
    selector: str, collection: str | None, account: str | None, where: Where | None, as_json: bool
) -> int:
    """The paths of all records, or of those of one collection."""
    found: list[dict[str, str]] = []

    def note(path: str, cid: CID) -> None:
        found.append({"path": path, "cid": str(cid)})

    with workbench(where, looking=True) as bench:
        snapshot = find_snapshot(bench, selector, account)
        run(list_records(snapshot.backup.repo, collection, note), bench.space.get)
    if as_json:
        print_json({"account": snapshot.backup.account, "records": found})
    else:
        print_text(*(record["path"] for record in found))
    return WHOLE


def find_snapshot(bench: Workbench, selector: str, account: str | None) -> Snapshot:
    """The snapshot that the user means. Raises SnapshotNotFound, SnapshotAmbiguous, DecodeError."""
    entry = run(find(bench.look()[0], selector, account_did(bench, account)), bench.space.get)
    return run(read_snapshot(entry.cid), bench.space.get)
