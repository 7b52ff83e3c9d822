"""`skypail restore`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from backup_agent.catalogue import Snapshot
from backup_agent.cli.commands.look import find_snapshot
from backup_agent.cli.describe import details, shortcoming_lines
from backup_agent.cli.output import INCOMPLETE, WHOLE, print_error, print_json, print_text, size_text
from backup_agent.cli.progress import Bar
from backup_agent.cli.workbench import workbench
from backup_agent.restore import Restored
from backup_agent.restore import restore as write_folder
from space import Where


def restore(selector: str, to: Path, account: str | None, where: Where | None, as_json: bool) -> int:
    """Write the snapshot that was named to `to`."""
    with workbench(where, looking=True) as bench:
        snapshot = find_snapshot(bench, selector, account)
        with Bar() as bar:
            restored = write_folder(snapshot, bench.space.get, bench.signer, to.absolute(), bar)
        document = _document(restored, snapshot) | {"snapshot": details(snapshot, bench.space.get)}
    if as_json:
        print_json(document)
    else:
        print_text(
            f"Restored {snapshot.backup.account} as of {snapshot.backup.created_at} to {restored.folder}",
            f"{restored.records:,} records, {restored.blobs:,} blobs, {restored.files:,} files, "
            f"{size_text(restored.size_bytes)}; every byte matched its hash",
            *_sealed_lines(restored),
            *(f"damaged here, so not restored: {name}: {why}" for name, why in restored.damaged.items()),
            *shortcoming_lines(snapshot),
        )
    if snapshot.doubt:
        print_error(f"do not believe what was restored: {snapshot.doubt}")
    return INCOMPLETE if snapshot.doubt or snapshot.certificate.missing or restored.damaged else WHOLE


def _sealed_lines(restored: Restored) -> list[str]:
    if restored.preferences != "preferences.age":
        return []
    return ["preferences stay sealed: this machine's key does not open them; README.txt says what does"]


def _document(restored: Restored, snapshot: Snapshot) -> dict[str, Any]:
    return {
        "folder": str(restored.folder),
        "files": restored.files,
        "bytes": restored.size_bytes,
        "records": restored.records,
        "blobs": restored.blobs,
        "preferences": restored.preferences,
        "damaged": restored.damaged,
        "doubt": snapshot.doubt,
    }
